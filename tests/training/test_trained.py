"""A trained model read back from its file predicts the same."""

from __future__ import annotations

import numpy as np
import pytest
from networks import small_backbone
from planted import loso, planted_store, recipe
from safetensors.numpy import save_file

from microexpr.errors import WeightsError
from microexpr.training.feature_modes import FineTunedBlocks
from microexpr.training.fold import train_fold
from microexpr.training.model import TrainedModel


def predict(model, store, fold, settings):
    table = settings.window_table(store)
    sequences = [table.of(clip) for clip in fold.test]
    return model.predict(model.frames(store), sequences, settings.clip_decision)


@pytest.mark.parametrize("tuned", [False, True], ids=["frozen", "fine_tuned"])
@pytest.mark.parametrize("feature_mode", ["onset_difference", "raw"])
def test_a_model_read_back_predicts_the_same(tmp_path, feature_mode, tuned):
    store = planted_store(3, shape=(6, 4, 4) if tuned else (24, 1, 1))
    fine_tuned = FineTunedBlocks(small_backbone(), 1) if tuned else None
    fold, settings = loso(store)[0], recipe(epochs=2, feature_mode=feature_mode, readout="mean")
    result = train_fold(store, fold, settings, fine_tuned=fine_tuned)
    path = tmp_path / "model.safetensors"
    result.model.save(path, labels=settings.labels, n=settings.n)
    model, header = TrainedModel.load(path, small_backbone() if tuned else None)
    assert (header["labels"], header["n"]) == (list(settings.labels), 7)
    found = predict(model, store, fold, settings)
    assert np.array_equal(found.probabilities, result.predictions.probabilities)
    assert np.array_equal(found.predicted, result.predictions.predicted)


def test_fine_tuned_blocks_need_the_backbone_they_started_from(tmp_path):
    store = planted_store(3, shape=(6, 4, 4))
    fine_tuned = FineTunedBlocks(small_backbone(), 1)
    result = train_fold(store, loso(store)[0], recipe(epochs=1), fine_tuned=fine_tuned)
    path = tmp_path / "model.safetensors"
    result.model.save(path)
    for backbone in (None, small_backbone(seed=1)):
        with pytest.raises(WeightsError, match="above B1 were fine-tuned from weights 0000"):
            TrainedModel.load(path, backbone)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(WeightsError, match="does not exist"):
        TrainedModel.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a readable model"):
        TrainedModel.load(path)
    save_file({"x": np.zeros(2)}, path)
    with pytest.raises(WeightsError, match="format None"):
        TrainedModel.load(path)
