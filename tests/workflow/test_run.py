"""From a fresh clone to the table, undisturbed and killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pandas as pd
import pytest

from microexpr.cache import open_cache, verify

pytestmark = pytest.mark.workflow
TABLES = ("table.csv", "metrics.csv", "predictions.csv", "comparisons.csv", "confusion.csv")


def test_table_has_the_posters_shape(finished):
    table = pd.read_csv(finished.folder / "results/table.csv")
    assert list(table.columns[:4]) == ["method", "class", "7", "9"]
    rows = [f"{m} {c}" for m, c in zip(table["method"], table["class"], strict=True)]
    classes = ("Average", "Negative", "Positive", "Surprise")
    assert rows[:8] == [f"{method} {name}" for method in ("pmm", "none") for name in classes]
    assert (table["clips"] == 9).all()
    assert set(table["data"]) == {"synthetic"}
    values = table[["7", "9"]].to_numpy()
    assert ((values >= 0) & (values <= 1)).all()


def test_every_clip_is_predicted_once_in_every_run(finished):
    predictions = pd.read_csv(finished.folder / "results/predictions.csv")
    assert len(predictions) == 9 * 2 * 2
    assert not predictions.duplicated(["clip_id", "method", "n", "seed", "reading"]).any()
    assert (predictions["fold"] == predictions["subject"]).all()


def test_caches_are_whole_and_say_where_they_come_from(finished):
    results = finished.folder / "results"
    caches = [p for p in results.rglob("*.h5") if "demo" not in p.parts]
    assert len(caches) == 2 * (1 + 1 + 2)  # shards x (faces, pmm, features of pmm and none)
    for path in caches:
        verify(path)
    with open_cache(results / "features/mobilenet_vggface2/pmm/s1-s2.h5", "features") as cache:
        assert len(cache.attributes["weights_sha256"]) == 64
        clip = cache[cache.clip_ids[0]]
        assert clip.attributes["method"] == "pmm"
        assert clip.attributes["alpha"] == 10.0
        assert 0 < clip.attributes["realised_gain"] <= 1.1
        assert len(clip.attributes["passband_hz"]) == 2


def test_decoded_frames_are_temporary(finished):
    assert not list((finished.folder / "results/frames").glob("*.h5"))


def test_killed_and_started_again_gives_the_same_table(finished, project):
    (project.folder / "extra.yaml").write_text("{}")
    for stop in ("results/faces/s3.h5", "results/train/none/N7/part0.csv"):
        process = subprocess.Popen(
            project.command(),
            cwd=project.folder,
            env=project.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not (project.folder / stop).exists():
            assert process.poll() is None, "finished before it was killed"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # Snakemake's own lock outlives a kill; its message says so, and the README too.
        assert project.run("--unlock").returncode == 0
    assert not (project.folder / "results/table.csv").exists()
    kept = (project.folder / "results/faces/s3.h5").stat().st_mtime_ns
    done = project.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project.folder / "results/faces/s3.h5").stat().st_mtime_ns == kept
    for name in TABLES:
        undisturbed = (finished.folder / "results" / name).read_bytes()
        assert (project.folder / "results" / name).read_bytes() == undisturbed, name
