"""The exported model: made by its rule, honest, and the same way through the stages."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from microexpr.apps.predict import exported_model as exported
from microexpr.cli import main
from microexpr.datasets import manifest
from microexpr.training.model import softmax
from microexpr.training.store import open_features
from microexpr.training.windows import windows
from project import Project

pytestmark = pytest.mark.workflow
TARGET = "results/model/model.safetensors"


@pytest.fixture(scope="module")
def with_model(complete, tmp_path_factory) -> Project:
    """Give a copy of the finished project with the exported model."""
    return complete.copy(tmp_path_factory.mktemp("model") / "copy")


def test_only_a_change_of_its_own_section_makes_it_again(with_model):
    assert with_model.planned(target=TARGET) == {}
    assert with_model.planned("model: {n: 7}", target=f"{TARGET} results/table.csv") == {"model": 1}


def test_the_accuracy_is_that_of_the_folds(with_model):
    about = json.loads((with_model.folder / "results/model/config.json").read_text())
    metrics = pd.read_csv(with_model.folder / "results/metrics.csv")
    row = metrics.query("method == 'pmm' and n == 9 and metric == 'accuracy'").iloc[0]
    found = about["accuracy"]
    assert found["accuracy"] == {key: row[key] for key in ("value", "low", "high")}
    assert (found["clips"], found["subjects"], found["protocol"]) == (9, 3, "loso")
    assert found["seeds"] == [0]
    assert found["backbone"] == "mobilenet_vggface2"
    assert about["trained_on"]["synthetic"]
    assert about["trained_on"]["note"].startswith("SYNTHETIC")
    assert sum(about["trained_on"]["clips"].values()) == 9
    assert about["trained_on"]["fps"] == {"min": 100, "median": 100, "max": 100}


def test_it_says_where_it_comes_from(with_model):
    folder = with_model.folder / "results"
    origin = json.loads((folder / "model/provenance.json").read_text())
    read = ["s1-s2.h5", "s3.h5", "manifest.csv", "metrics.csv"]
    assert [entry["path"] for entry in origin["inputs"]] == read
    assert len(origin["source_sha256"]) == 16
    assert len(origin["weights_sha256"]) == 64
    assert origin["params"]["model"] == {"method": "pmm", "n": 9}


def test_another_run_gives_the_same_bytes(with_model):
    folder = with_model.folder / "results/model"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = with_model.run("--forcerun", "model", target=TARGET)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "finished model in " in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_predictions_of_a_training_clip_are_those_of_the_caches(
    with_model, tmp_path, monkeypatch, capsys
):
    """The model's folder alone is enough; the way from images equals that through the stages."""
    results = with_model.folder / "results"
    shutil.copytree(results / "model", tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    clips = manifest.read(results / "manifest.csv")
    chosen = [clips[0], clips[-1]]
    folders = [str(results / "demo" / clip.source) for clip in chosen]
    assert main(["predict", *folders, "--fps", "100", "--model", "model", "--no-video"]) == 0
    assert "SYNTHETIC" in capsys.readouterr().out
    model = exported.load("model")
    shards = sorted((results / "features/mobilenet_vggface2/pmm").glob("*.h5"))
    for clip in chosen:
        with open_features(shards, clips) as store, torch.no_grad():
            frames, at = model.model.frames(store), clips.index(clip)
            rows = store.first_row[at] + windows(int(store.lengths[at]), 9)
            logits = model.model.logits(frames, [rows])[0]
        wanted = softmax(logits)
        found = pd.read_csv(f"predictions/{clip.clip_id}.windows.csv")
        columns = [f"p_{label}" for label in model.labels]
        np.testing.assert_allclose(found[columns], wanted, atol=1e-3)
        document = json.loads((tmp_path / f"predictions/{clip.clip_id}.json").read_text())
        assert not any("frames/s" in notice for notice in document["notices"])
        np.testing.assert_allclose(
            list(document["clip"]["probabilities"].values()), wanted.mean(axis=0), atol=1e-3
        )


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("model: {n: 8}", "model.n: 8 is not in windows.n [7, 9]"),
        ("model: {method: amm}", "model.method: amm is not in magnify.methods"),
    ],
)
def test_an_arm_that_the_folds_do_not_test_is_refused(with_model, extra, message):
    done = with_model.run("--dry-run", extra=extra, target=TARGET)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
