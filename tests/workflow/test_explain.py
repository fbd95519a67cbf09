"""Figures and Grad-CAM as targets of their own: no part of table.csv, rerun only where needed."""

from __future__ import annotations

import av
import h5py
import numpy as np
import pandas as pd
import pytest

from microexpr.explain.scores import REGIONS

pytestmark = pytest.mark.workflow
TARGETS = "figures explain"
CLIPS = ("s1_ne_01", "s1_po_01", "s1_sur_01")
FIGURES = {"table_figures": 1, "quality": 1, "embedding": 2, "motion": 3}
FIGURES |= {"video_page": 3, "figures": 1}
EXPLAIN = {"train_explained": 4, "gradcam": 2, "explain": 1}


def test_the_table_does_not_wait_for_pictures(finished):
    assert finished.planned() == {}


def test_jobs_of_the_targets(finished):
    assert finished.planned(target="figures") == FIGURES
    assert finished.planned(target="explain") == EXPLAIN
    assert finished.planned(target="results/figures/crops_1.png") == {"quality": 1}
    # One clip, one method.
    one = "figures: {clips: [s3_po_01]}\nexplain: {methods: [pmm]}"
    assert finished.planned(extra=one, target=TARGETS) == FIGURES | EXPLAIN | {
        **{"motion": 1, "video_page": 1, "train_explained": 2, "gradcam": 1}
    }


def test_crops_can_be_looked_at_before_anything_is_trained(project):
    planned = project.planned(target="results/figures/crops_1.png")
    assert planned == {"demo": 2, "index": 1, "decode": 2, "crop": 2, "quality": 1}


def test_an_unknown_clip_is_one_clear_error(finished):
    done = finished.run("--dry-run", extra="figures: {clips: [s9_ne_01]}", target="figures")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert said.count("figures.clips: there is no clip s9_ne_01") == 1
    assert "Traceback" not in said


def test_every_picture_is_there_in_every_format(complete):
    figures = complete.folder / "results/figures"
    cells = [f"{method}_N{n}" for method in ("pmm", "none") for n in (7, 9)]
    names = ["accuracy", "recall", "subjects", "windows", "crops_1", "tsne_pmm", "tsne_none"]
    names += [f"{kind}_{cell}" for kind in ("confusion", "training") for cell in cells]
    names += [f"slices_{clip}" for clip in CLIPS]
    expected = {f"{name}.{kind}" for name in names for kind in ("pdf", "svg", "png")}
    expected |= {f"motion_{clip}.mp4" for clip in CLIPS}
    assert {path.name for path in figures.iterdir()} == expected
    assert all(path.stat().st_size > 2000 for path in figures.iterdir())


def test_videos_have_all_frames(complete):
    results = complete.folder / "results"
    for clip in CLIPS:
        with h5py.File(results / "faces/s1-s2.h5") as faces:
            length = len(faces[clip]["image"])
        frames = len(list((results / "demo").rglob(f"{clip}/*")))
        assert frames == length
        overlay = results / f"gradcam/overlay/pmm_{clip}.mp4"
        for path, width in ((results / f"figures/motion_{clip}.mp4", 2 * 2 * 224), (overlay, 640)):
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
                assert stream.width == width
                assert sum(1 for _ in container.decode(stream)) == length


def test_explained_networks_are_those_of_the_table(complete):
    results = complete.folder / "results"
    kept = pd.concat(
        pd.read_csv(path) for path in (results / "gradcam/train/pmm").glob("chunk?.csv")
    )
    table = pd.read_csv(results / "predictions.csv").query("method == 'pmm' and n == 9")
    columns = ["clip_id", "predicted", "p_negative", "p_positive", "p_surprise"]
    first, second = (
        t.sort_values("clip_id")[columns].reset_index(drop=True) for t in (kept, table)
    )
    pd.testing.assert_frame_equal(first, second)
    assert len(list((results / "gradcam/train/pmm").glob("chunk?/*.safetensors"))) == 3


def test_the_table_of_regions(complete):
    table = pd.read_csv(complete.folder / "results/gradcam/regions.csv", keep_default_na=False)
    assert set(table["data"]) == {"synthetic"}
    assert set(table["model"]) == {"trained", "backbone", "random_head", "random"}
    assert set(table["fold"]) == {"all", "s1", "s2", "s3"}
    assert set(table["class"]) == {"all", "negative", "positive", "surprise"}
    key = ["method", "model", "block", "class", "fold"]
    shares = table[(table["measure"] == "share") & table["region"].isin(REGIONS)]
    sums = shares.astype({"value": float}).groupby(key)["value"].sum()
    np.testing.assert_allclose(sums, 1, atol=1e-3)
    everyone = table[(table["class"] == "all") & (table["fold"] == "all")]
    assert (everyone["clips"] + everyone["empty"] == 9).all()
    assert (everyone["low"] != "").all()
    moving = everyone[(everyone["region"] == "moving") & (everyone["measure"] == "peak")]
    assert len(moving) == 2 * 4
    assert (moving["chance"].astype(float) - 0.2).abs().max() < 0.01
    own = everyone[everyone["measure"] == "rank_correlation"].set_index(["method", "model"])
    assert set(own["value"].astype(float).xs("trained", level="model")) == {1}
    assert own["value"].astype(float).drop("trained", level="model").max() < 0.95


def test_only_what_has_changed_is_drawn_again(complete):
    assert complete.planned(target=TARGETS) == {}
    other = complete.planned(extra="figures: {clips: [s3_po_01]}", target=TARGETS)
    assert other == {"motion": 1, "video_page": 1, "gradcam": 2, "explain": 1, "figures": 1}
    block = complete.planned(extra="explain: {blocks: [12, 13]}", target=TARGETS)
    assert block == {"gradcam": 2, "explain": 1}
    draws = complete.planned(extra="evaluate: {draws: 200}", target=TARGETS)
    assert draws == {"evaluate": 1, "table_figures": 1, "figures": 1}
    level = complete.planned(extra="evaluate: {confidence: 0.9}", target=TARGETS)
    assert level == {"evaluate": 1, "table_figures": 1, "explain": 1, "figures": 1}
