"""A chunk of folds: its table, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from planted import LABELS, loso, planted_store, recipe, run

from microexpr.config import Windows
from microexpr.errors import CacheError, MicroexprWarning
from microexpr.protocol import predictions
from microexpr.training.chunks import train_chunk
from microexpr.training.model import TrainedModel
from microexpr.training.store import FeatureStore


def table(chunk, path: Path) -> bytes:
    predictions.write(path, chunk.predictions)
    return path.read_bytes()


def times(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("[!.]*.json")}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["frozen", "fine_tuned"])
def test_a_run_killed_and_resumed_writes_the_same_table(tmp_path, mode):
    whole = table(run(tmp_path / "whole", tuned=mode == "fine_tuned"), tmp_path / "whole.csv")
    progress = tmp_path / "killed"
    script = Path(__file__).with_name("planted.py")
    paths = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, script, progress, mode], env=os.environ | {"PYTHONPATH": paths}
    )
    while process.poll() is None and len(times(progress)) < 4:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = times(progress)
    assert 4 <= len(finished) < 12
    resumed = table(run(progress, tuned=mode == "fine_tuned"), tmp_path / "resumed.csv")
    assert resumed == whole
    assert times(progress).items() >= finished.items()  # finished folds were not trained again
    assert len(times(progress)) == 12


def test_table_is_what_the_evaluation_reads(tmp_path):
    chunk = run(tmp_path / "progress", tuned=False)
    table(chunk, tmp_path / "chunk.csv")
    frame = predictions.read([tmp_path / "chunk.csv"], LABELS)
    assert list(frame) == [*predictions.COLUMNS, *(f"p_{label}" for label in LABELS)]
    assert len(frame) == 18 * 2 * 2
    assert frame.groupby(["feature_mode", "seed"]).clip_id.nunique().tolist() == [18] * 4
    shares = frame[[f"p_{label}" for label in LABELS]].to_numpy()
    assert shares.sum(1) == pytest.approx(1, abs=2e-6)
    assert [LABELS[i] for i in shares.argmax(1)] == frame.predicted.tolist()
    assert (frame.fold == frame.subject).all()
    assert set(frame.method) == {"amm"}
    store = planted_store(3)
    windows = dict(zip(store.clip_ids, recipe().window_table(store).counts, strict=True))
    assert frame.n_windows.tolist() == frame.clip_id.map(windows).tolist()
    assert len(chunk.log) == 2 * 2 * 3 * 3
    assert chunk.log.groupby(["feature_mode", "seed", "fold"]).epoch.max().eq(3).all()


def test_folds_do_not_depend_on_their_chunk(tmp_path):
    store, settings = planted_store(3), recipe(epochs=2)
    about = {"method": "none", "protocol": "loso"}
    folds = loso(store)
    together = train_chunk(store, folds, settings, progress_dir=tmp_path / "a", **about)
    alone = train_chunk(store, folds[2:], settings, progress_dir=tmp_path / "b", **about)
    rows = together.predictions[together.predictions.fold == folds[2].name]
    assert rows.reset_index(drop=True).equals(alone.predictions)


def test_other_settings_features_or_code_train_again(tmp_path):
    store = planted_store(3)
    fold = loso(store)[:1]

    def files(settings, store=store, **options) -> int:
        about = {"method": "none", "protocol": "loso", "progress_dir": tmp_path}
        train_chunk(store, fold, settings, **about | options)
        return len(times(tmp_path))

    assert files(recipe(epochs=1)) == 2  # both feature modes
    assert files(recipe(epochs=1)) == 2
    assert files(recipe(epochs=1, seeds=[0, 1])) == 4  # the first seed is there already
    assert files(recipe(epochs=1, feature_modes=["raw"], chunks=3, windows=Windows(n=[7]))) == 4
    assert files(recipe(epochs=2, feature_modes=["raw"])) == 5
    assert files(recipe(epochs=1, feature_modes=["raw"]), source_sha256="other code") == 6
    relabelled = planted_store(3, permuted=True)
    assert relabelled.digest == store.digest
    assert files(recipe(epochs=1, feature_modes=["raw"]), store=relabelled) == 7
    data = dict(zip(store.clip_ids, [-array for array in store.data], strict=True))
    other = FeatureStore.from_arrays(data, subjects=store.subjects, labels=store.labels)
    assert files(recipe(epochs=1, feature_modes=["raw"]), store=other) == 8


def test_dropped_test_clips_keep_their_row_and_are_named(tmp_path):
    store = planted_store(3)
    n = int(store.lengths.max())
    settings = recipe(n=n, windows=Windows(short="drop"), epochs=1)
    about = {"method": "none", "protocol": "loso", "progress_dir": tmp_path / "progress"}
    with pytest.warns(MicroexprWarning, match=rf"{store.clip_ids[0]} \({store.lengths[0]}\)"):
        chunk = train_chunk(store, loso(store)[:1], settings, **about)
    written = table(chunk, tmp_path / "chunk.csv").decode().splitlines()
    assert f"{store.clip_ids[0]},s1,negative,none,onset_difference,{n},0,loso,s1,0,,,," in written
    frame = predictions.read([tmp_path / "chunk.csv"], LABELS)
    assert len(frame) == 2 * 6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_chunk(store, loso(store)[:1], recipe(epochs=1), **about)


def test_a_damaged_progress_file_is_named(tmp_path):
    run(tmp_path, tuned=False)
    file = next(tmp_path.glob("*.json"))
    assert json.loads(file.read_text())["settings"]["n"] == 7
    file.write_text("{")
    with pytest.raises(CacheError, match=f"{file.name}: damaged"):
        run(tmp_path, tuned=False)


@pytest.mark.parametrize("tuned", [False, True], ids=["frozen", "fine_tuned"])
def test_models_are_written_and_trained_again_only_when_they_are_of_other_settings(tmp_path, tuned):
    models = tmp_path / "models"
    first = run(tmp_path / "progress", tuned=tuned, models_dir=models)
    assert len(list(models.glob("*.safetensors"))) == 12
    file = models / "raw_5_s2.safetensors"
    written = file.read_bytes()
    again = run(tmp_path / "progress", tuned=tuned, models_dir=models)
    assert first.log.equals(again.log)  # with its seconds: nothing was trained
    other = recipe(epochs=1, feature_modes=["raw"], seeds=[5])
    store = planted_store(3)
    about = {"method": "amm", "protocol": "loso", "progress_dir": tmp_path / "other"}
    train_chunk(store, loso(store)[1:2], other, models_dir=models, **about)
    assert file.read_bytes() != written
    third = run(tmp_path / "progress", tuned=tuned, models_dir=models)
    assert third.predictions.equals(first.predictions)
    assert file.read_bytes() == written
    if not tuned:
        assert TrainedModel.load(file)[1]["method"] == "amm"
