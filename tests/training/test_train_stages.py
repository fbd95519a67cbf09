"""Stage train, also on inner folds: every key reaches training, leaking folds are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from planted import LABELS, planted_store

import listed
from microexpr import cache
from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.errors import ConfigError, ProtocolError
from microexpr.protocol import predictions
from microexpr.runtime.tables import write_table
from microexpr.training import chunks
from microexpr.training.fold import train_fold
from running import run_stage

NETWORK = {"backbone": "random_mobilenet", "cut": 13}
SMALL = {"epochs": 2, "embed": 8, "hidden": 4, "feature_modes": ["onset_difference"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two shards of planted features, and their folds."""
    folder, store = tmp_path_factory.mktemp("data"), planted_store(4)
    paths = []
    for shard in (("s1", "s2"), ("s3", "s4")):
        paths.append(folder / f"{shard[0]}.h5")
        with cache.create(paths[-1], "features", cache.Provenance(weights_sha256="ab")) as out:
            for clip, subject, values in zip(
                store.clip_ids, store.subjects, store.data, strict=True
            ):
                if subject in shard:
                    with out.clip(clip, method="pmm", **NETWORK) as group:
                        count = np.arange(len(values))
                        group.append(values, frame=count, time=count / 100)
    table = {"clip_id": store.clip_ids, "subject": store.subjects, "label": store.labels}
    frame = pd.DataFrame(table | {"fold": store.subjects})
    write_table(folder / "folds.csv", frame)
    subjects = list(map(str, store.subjects))
    listed.write(folder / "manifest.csv", store.clip_ids, subjects, store.labels)
    return paths, folder / "folds.csv", folder / "manifest.csv"


def config(**sections) -> Config:
    sections = {"data": {"labels": list(LABELS)}, "features": NETWORK} | sections
    sections["train"] = SMALL | sections.get("train", {})
    return Config.parse(sections)


def run(data, output, given: Config, **options) -> pd.DataFrame:
    paths, folds, clips = data
    files = {"features": paths, "manifest": clips, "folds": folds, "predictions": [output]}
    run_stage("train", given, **files, **({"method": "pmm", "n": [7]} | options))
    return predictions.read([output], LABELS)


def shares(frame: pd.DataFrame) -> np.ndarray:
    return frame[[f"p_{name}" for name in LABELS]].to_numpy()


@pytest.mark.slow
def test_every_decision_readout_and_head_reaches_the_predictions(data, tmp_path):
    variants = {
        "default": {},
        "majority": {"protocol": {"clip_decision": "majority"}},
        "whole_clip": {"protocol": {"clip_decision": "whole_clip"}},
        "last_window": {"protocol": {"clip_decision": "last_window"}},
        "last_step": {"train": {"readout": "last_step"}},
        "mean": {"train": {"readout": "mean"}},
        "frame_fc": {"train": {"head": "frame_fc"}},
        "permuted": {"train": {"permute_labels": True}},
        "middle": {"windows": {"modes": ["middle"]}},
        "weighted": {"train": {"class_weights": True}},
    }
    found = {
        name: run(data, tmp_path / f"{name}.csv", config(**sections))
        for name, sections in variants.items()
    }
    assert (found["whole_clip"]["n_windows"] == 1).all()
    assert (found["middle"]["n_windows"] == 1).all()
    assert (found["default"]["n_windows"] > 1).all()
    votes = shares(found["majority"]) * found["majority"]["n_windows"].to_numpy()[:, None]
    assert votes == pytest.approx(votes.round(), abs=1e-4)
    # Balanced training clips weigh the same; everything else changes the predictions.
    same = {n for n, f in found.items() if np.allclose(shares(f), shares(found["default"]))}
    assert same == {"default", "weighted"}


def test_the_epoch_that_is_chosen_shows_in_the_log(data, tmp_path):
    given = config(select={"epoch": "nested", "folds": 2}, train={"epochs": 4})
    run(data, tmp_path / "nested.csv", given)
    log = pd.read_csv(tmp_path / "nested.epochs.csv")
    assert log.groupby("fold")["epoch"].max().between(1, 4).all()
    with pytest.raises(ProtocolError, match=r"protocol\.folds: needs 9 subjects"):
        run(data, tmp_path / "a.csv", config(select={"epoch": "nested", "folds": 9}))


def test_inner_folds_predict_for_training_clips_only(data, tmp_path):
    given = config(select={"folds": 3}, train={"seeds": [0, 1], "chunks": 2})
    chunks = [run(data, tmp_path / f"{p}.csv", given, chunk=p, inner=True) for p in (0, 1)]
    names = [sorted({fold[:2] for fold in chunk["fold"]}) for chunk in chunks]
    assert names == [["s1", "s3"], ["s2", "s4"]]
    frame = pd.concat(chunks)
    outer = frame["fold"].str.partition("-")[0]
    assert not (outer == frame["subject"]).any()
    assert (frame.groupby([outer, "seed"])["clip_id"].nunique() == 18).all()
    assert not frame.duplicated(["fold", "seed", "clip_id"]).any()


def test_a_corrected_label_reaches_training(data, tmp_path):
    paths, folds, clips = data
    before = run(data, tmp_path / "before.csv", config()).set_index("clip_id")
    rows = manifest.read(clips)
    corrected = rows[0].model_copy(update={"label": LABELS[1]})
    assert rows[0].label != corrected.label
    manifest.write(tmp_path / "manifest.csv", [corrected, *rows[1:]])
    other = (paths, folds, tmp_path / "manifest.csv")
    after = run(other, tmp_path / "after.csv", config()).set_index("clip_id")
    changed = before["label"] != after["label"]
    assert list(changed.index[changed]) == [corrected.clip_id]
    # The fold that tests the clip was trained on the same labels as before, all others were not.
    same = np.isclose(shares(before), shares(after)).all(axis=1)
    assert (same == (before["fold"] == corrected.subject)).all()


def leak(frame):
    """Test one clip of s1 in the fold of s2: s1 is trained on and tested."""
    frame.loc[0, "fold"] = "s2"
    return frame


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (leak, "subject s1 is in training and in test"),
        (lambda f: f.assign(fold=f["fold"].replace("s1", "")), "no fold tests clip s1_00"),
    ],
)
@pytest.mark.parametrize("inner", [False, True])
def test_folds_that_do_not_keep_the_protocols_promise_are_refused(
    data, tmp_path, inner, change, message
):
    paths, folds, clips = data
    spoilt = tmp_path / "folds.csv"
    write_table(spoilt, change(pd.read_csv(folds, keep_default_na=False)))
    with pytest.raises(ProtocolError, match=message):
        run((paths, spoilt, clips), tmp_path / "out.csv", config(), inner=inner)
    assert not (tmp_path / "out.csv").exists()
    # A split that promises nothing of subjects passes.
    if change is leak and not inner:
        given = config(protocol={"name": "clip_kfold"})
        run((paths, spoilt, clips), tmp_path / "out.csv", given)


def test_a_chunk_that_does_not_exist_is_refused(data, tmp_path):
    with pytest.raises(ConfigError, match=r"train\.chunks: there is no chunk 2 of 2"):
        run(data, tmp_path / "out.csv", config(train={"chunks": 2}), chunk=2)


def test_models_are_kept_and_a_killed_run_goes_on_with_them(data, tmp_path, monkeypatch):
    output, models = tmp_path / "chunk0.csv", tmp_path / "models0"
    trained = []

    def counted(*arguments, **options):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(arguments[1].name)
        return train_fold(*arguments, **options)

    monkeypatch.setattr(chunks, "train_fold", counted)
    with pytest.raises(KeyboardInterrupt):
        run(data, output, config(), models=models)
    assert not models.exists()  # whole or not there
    monkeypatch.setattr(chunks, "train_fold", train_fold)
    kept = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "chunk0.folds/models").iterdir()}
    assert len(kept) == 2
    run(data, output, config(), models=models)
    after = {path.name: path.stat().st_mtime_ns for path in models.iterdir()}
    assert set(after) == {f"onset_difference_0_s{k}.safetensors" for k in (1, 2, 3, 4)}
    assert kept.items() <= after.items()
    assert not output.with_suffix(".folds").exists()


def test_another_n_trains_no_fold_of_the_others_again(data, tmp_path, monkeypatch):
    paths, folds, clips = data
    files = [tmp_path / f"N{n}.csv" for n in (7, 9)]
    given = {"features": paths, "folds": folds, "manifest": clips, "method": "pmm"}
    run_stage("train", config(), **given, n=[7], predictions=files[:1])
    before = files[0].read_bytes()
    files[0].unlink()  # as Snakemake does before a job
    trained = []

    def counted(*arguments, **options):
        trained.append(arguments[2].n)
        return train_fold(*arguments, **options)

    monkeypatch.setattr(chunks, "train_fold", counted)
    run_stage("train", config(), **given, n=[7, 9], predictions=files)
    assert set(trained) == {9}
    assert files[0].read_bytes() == before
    with pytest.raises(ConfigError, match="--predictions: 2 files are needed, one for each N"):
        run_stage("train", config(), **given, n=[7, 9], predictions=files[:1])


def test_controls_are_trained_in_one_job(data, tmp_path):
    paths, folds, clips = data
    names = ["single_frame", "permuted_labels"]
    given = config(evaluate={"controls": [*names, "placebo"], "permutations": 2})
    files = [tmp_path / f"{name}.csv" for name in names]
    inputs = {"features": paths, "folds": folds, "manifest": clips}
    run_stage("train_controls", given, **inputs, method="pmm", n=7, predictions=files)
    single, permuted = (predictions.read([file], LABELS) for file in files)
    assert set(single["method"]) == {"pmm-single_frame"}
    assert set(permuted["method"]) == {"pmm-permuted_labels"}
    assert set(permuted["seed"]) == {0, 1}  # `evaluate.permutations`
    assert set(single["seed"]) == {0}
    # The same as when the keys of the control are set by hand.
    alone = config(windows={"modes": ["middle"]}, train={"head": "frame_fc"})
    by_hand = run(data, tmp_path / "alone.csv", alone, method="pmm-single_frame")
    assert by_hand.equals(single)
