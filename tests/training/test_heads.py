"""Without recurrence: each frame alone is an example, a window gets the mean of its frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from planted import LABELS, loso, planted_store, recipe
from torch.nn.functional import cross_entropy

from microexpr.training.fold import train_fold
from microexpr.training.model import TrainedModel, WindowClassifier
from microexpr.training.windows import windows


def frame_classifier() -> WindowClassifier:
    torch.manual_seed(0)
    return WindowClassifier(5, 3, embed=4, dropout=0.0, head="frame_fc")


def test_a_window_gets_the_mean_of_its_frames_probabilities():
    model = frame_classifier().eval()
    frames, index = torch.randn(9, 5), torch.from_numpy(windows(9, 4))
    single = model.classifier(model.embed(frames)).softmax(1)
    found = model(frames, index).softmax(1)
    torch.testing.assert_close(found, single[index].mean(1))


def test_order_and_repetition_of_frames_do_not_matter():
    model = frame_classifier().eval()
    frames, index = torch.randn(9, 5), torch.tensor([[0, 3, 8, 5]])
    expected = model(frames, index)
    for other in (index.flip(1), index.repeat(1, 3)):
        torch.testing.assert_close(model(frames, other), expected)
    bilstm = WindowClassifier(5, 3, embed=4, dropout=0.0).eval()
    assert not torch.allclose(bilstm(frames, index), bilstm(frames, index.flip(1)))


def test_each_frame_is_an_example_of_its_own():
    model = frame_classifier()
    frames, index = torch.randn(9, 5), torch.from_numpy(windows(9, 4))
    clips = torch.arange(len(index)) % 2
    examples, owners = model.examples(index, clips)
    assert examples.shape == (4 * len(index), 1)
    assert owners.tolist() == [int(clip) for clip in clips for _ in range(4)]
    loss = cross_entropy(model(frames, examples), owners)
    logits = model.classifier(model.embed(frames))[index]
    expected = cross_entropy(logits.flatten(0, 1), clips.repeat_interleave(4))
    torch.testing.assert_close(loss, expected)
    bilstm = WindowClassifier(5, 3)
    assert bilstm.examples(index, clips)[0] is index


def test_it_is_trained_and_read_back(tmp_path):
    store, settings = planted_store(), recipe(head="frame_fc", epochs=12)
    right = []
    for fold in loso(store):
        result = train_fold(store, fold, settings)
        found = result.predictions.predicted
        right += [LABELS[k] == store.labels[i] for k, i in zip(found, fold.test, strict=True)]
    assert np.mean(right) >= 0.75
    path = tmp_path / "model.safetensors"
    result.model.save(path)
    model, header = TrainedModel.load(path)
    assert header["classifier"]["head"] == "frame_fc"
    assert model.classifier.lstm is None
    rows = torch.randn(6, 24), torch.arange(6)[None]
    expected = result.model.classifier.eval()(*rows)
    assert model.classifier.eval()(*rows).equal(expected)


@pytest.mark.parametrize("decision", ["mean_softmax", "whole_clip"])
def test_a_whole_clip_is_the_mean_over_all_frames(decision):
    store = planted_store(3)
    fold = loso(store)[0]
    settings = recipe(head="frame_fc", clip_decision=decision, epochs=1)
    result = train_fold(store, fold, settings)
    assert result.predictions.probabilities.sum(1) == pytest.approx(1)
    if decision == "whole_clip":
        model, clip = result.model, fold.test[0]
        everything = torch.arange(int(store.lengths.sum()))
        embedded = model.classifier.embed(model.frames(store)(everything))
        single = model.classifier.classifier(embedded).softmax(1)
        expected = single[store.rows([clip])].mean(0).detach().numpy()
        assert result.predictions.probabilities[0] == pytest.approx(expected, abs=1e-5)
