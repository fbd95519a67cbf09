"""Grad-CAM: closed form, one backward pass through everything, and where a map lies."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explained import small_network

from microexpr.backbones.weights import build, randomised
from microexpr.errors import ConfigError
from microexpr.explain.gradcam import (
    apex_window,
    block_maps,
    class_gradient,
    explain_frames,
    grad_cam,
    last_of_each_size,
    strongest_unit,
    untrained,
)
from microexpr.explain.scores import on_crop, over_frames, peak, rank_correlation
from microexpr.training.feature_modes import FeatureTransform
from microexpr.training.model import TrainedModel, WindowClassifier


def model(head: str = "bilstm", channels: int = 5, *, difference: bool = True) -> TrainedModel:
    torch.manual_seed(3)
    classifier = WindowClassifier(channels, 3, embed=7, hidden=4, dropout=0.0, head=head)
    transform = FeatureTransform(difference, torch.zeros(channels), torch.full((channels,), 0.5))
    return TrainedModel(transform, classifier.eval(), None)


@pytest.fixture
def frames() -> torch.Tensor:
    rng = np.random.default_rng(1)
    return torch.from_numpy(rng.integers(0, 256, (9, 16, 16, 3), np.uint8))


def test_a_linear_network_has_a_closed_form():
    # Score = g . mean over positions of the last maps: each channel's weight is g_c / (h w).
    net, rng = small_network(), np.random.default_rng(0)
    maps = torch.from_numpy(rng.normal(size=(11, 5, 4, 4)).astype(np.float32))
    gradient = torch.from_numpy(rng.normal(size=(11, 5)).astype(np.float32))
    expected = torch.einsum("fc,fchw->fhw", gradient, maps) / 16
    torch.testing.assert_close(grad_cam(net, 2, maps, gradient), expected)


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("difference", [True, False])
def test_it_equals_one_backward_pass_through_everything(frames, block, difference):
    net, trained = small_network(), model(difference=difference)
    windows = torch.tensor([[0, 1, 2, 3], [2, 4, 6, 8], [5, 5, 5, 6]])
    x = net.preprocess(frames)
    maps = dict(block_maps(net, [1, 2], x))
    pooled = net.above(maps[2], 2)
    cam = grad_cam(net, block, maps[block], class_gradient(trained, pooled, windows, 1))

    leaf = maps[block].clone().requires_grad_(True)
    features = net.above(leaf, block)
    read = trained.transform(features, features.detach()[:1].expand_as(features))
    trained.classifier(read, windows).mean(0)[1].backward()
    weights = leaf.grad.mean((2, 3), keepdim=True)
    torch.testing.assert_close(cam, (weights * maps[block]).sum(1), rtol=1e-4, atol=1e-7)


def test_only_frames_of_the_windows_have_a_map(frames):
    net, trained = small_network(), model(difference=False)
    maps = dict(block_maps(net, [2], net.preprocess(frames)))
    gradient = class_gradient(trained, net.above(maps[2], 2), torch.tensor([[3, 4, 5]]), 0)
    found = explain_frames(net, maps, {"own": gradient})["own", 2]
    assert [bool(np.abs(cam).max() > 0) for cam in found] == [False] * 3 + [True] * 3 + [False] * 3


def test_the_cache_behind_the_cut_gives_the_same_maps(frames):
    net = small_network()
    x = net.preprocess(frames)
    whole = dict(block_maps(net, [1, 2], x))
    behind = dict(block_maps(net, [1, 2], net.front(x, 1), start=1))
    for block in (1, 2):
        torch.testing.assert_close(behind[block], whole[block])
    with pytest.raises(ConfigError, match="B1 lies below B2"):
        dict(block_maps(net, [1], whole[2], start=2))
    with pytest.raises(ConfigError, match="outside 1..2"):
        dict(block_maps(net, [3], x))


@pytest.mark.parametrize("corner", [(3, 3), (11, 5), (12, 12)])
def test_a_map_lands_on_a_planted_place(corner):
    # The network answers to brightness; one spot is bright.
    net = small_network()
    for convolution in (net.stem, net.blocks[0][0], net.blocks[1][0]):
        convolution.weight.fill_(0.05)
        convolution.bias.zero_()
    y, x = corner
    picture = np.full((1, 16, 16, 3), 128, np.uint8)
    picture[0, y - 1 : y + 2, x - 1 : x + 2] = 250
    maps = dict(block_maps(net, [1], net.preprocess(torch.from_numpy(picture))))
    gradient = strongest_unit(net.above(maps[1], 1))
    cam = over_frames(explain_frames(net, maps, {"unit": gradient})["unit", 1])
    found = peak(on_crop(cam, 16))
    assert np.hypot(found[0] - y, found[1] - x) <= 2


def test_the_strongest_unit_is_the_target_before_training():
    pooled = torch.tensor([[0.1, 3.0, 2.0], [5.0, 3.0, 2.0]])
    assert strongest_unit(pooled).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_random_weights_give_another_map(frames):
    net, trained = small_network(), model()
    windows = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, 8]])
    maps = dict(block_maps(net, [2], net.preprocess(frames)))
    pooled = net.above(maps[2], 2)
    own = class_gradient(trained, pooled, windows, 0)
    state = torch.random.get_rng_state()
    other = class_gradient(untrained(trained, pooled, 5), pooled, windows, 0)
    assert torch.equal(state, torch.random.get_rng_state())
    cams = explain_frames(net, maps, {"own": own, "head": other})
    again = randomised(net, 5)
    changed = dict(block_maps(again, [2], again.preprocess(frames)))
    cams |= explain_frames(again, changed, {"all": own})
    alike = {
        key: rank_correlation(over_frames(cams["own", 2]), over_frames(cams[key, 2]))
        for key in ("own", "head", "all")
    }
    assert alike["own"] == pytest.approx(1)
    assert max(alike["head"], alike["all"]) < 0.9
    # The copy is drawn anew and the original is not touched.
    torch.testing.assert_close(net.stem.weight, small_network().stem.weight)
    assert not torch.equal(again.stem.weight, net.stem.weight)


def test_a_constant_map_agrees_with_nothing():
    rng = np.random.default_rng(0)
    cam = rng.random((4, 4))
    assert rank_correlation(cam, np.zeros((4, 4))) == 0
    assert rank_correlation(cam, cam**3) == pytest.approx(1)
    assert rank_correlation(cam, -cam) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("apex", "length", "expected"),
    [(5, 12, [3, 4, 5, 6]), (0, 12, [0, 1, 2, 3]), (11, 12, [8, 9, 10, 11]), (1, 3, [0, 0, 1, 2])],
)
def test_the_apex_window_stays_inside_the_clip(apex, length, expected):
    assert apex_window(apex, length, 4).tolist() == expected


def test_blocks_that_are_measured_by_default():
    # As for crops of 224 px: the last block before each step to smaller maps.
    assert last_of_each_size(build("random_mobilenet"), 64) == [11, 13]
