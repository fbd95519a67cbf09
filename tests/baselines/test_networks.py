"""The networks have the layers that are published; short clips and odd ones are handled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted_faces import LANDMARKS_PX, planted
from torch import nn

from microexpr import baselines
from microexpr.baselines import cnn_3d
from microexpr.baselines.apex_networks import grey_levels
from microexpr.baselines.networks import Schedule, fit
from microexpr.config import Config
from microexpr.errors import ConfigError, DataError


def parameters(name: str) -> int:
    network = baselines.build(name, Config()).network(3)
    return sum(parameter.numel() for parameter in network.parameters())


def test_sizes_are_those_of_the_papers():
    # Conv 32 x (15 x 3 x 3), dense of 12,800 to 128, dense to 3.
    assert parameters("micro_exp_stcnn") == 32 * 136 + 12_801 * 128 + 129 * 3
    # Conv 3 to 3 + 5 + 8, BatchNorm, dense of 400.
    assert parameters("ststnet") == 16 * 28 + 2 * 16 + 401 * 3
    # Per stream conv 1 to 6 and 6 to 16 of 5 x 5; dense of 1568 to 1024, 1024, 3.
    streams = 2 * (6 * 26 + 16 * 151)
    # Conv 3 to 32 of 5 x 5, 32 to 64 of 3 x 3, BatchNorm after each; dense of 64 x 9 x 9 to 256.
    sssnet = 32 * 76 + 2 * 32 + 64 * 289 + 2 * 64
    assert parameters("sssnet") == sssnet + (64 * 81 + 1) * 256 + 257 * 3
    assert parameters("off_apexnet") == streams + 1569 * 1024 + 1025 * 1024 + 1025 * 3


def test_stcnn_equals_the_plain_layers_of_the_paper():
    torch.manual_seed(0)
    network = baselines.build("micro_exp_stcnn", Config()).network(3).eval()
    clips = torch.rand(5, 1, 18, 64, 64)
    maps = nn.functional.max_pool3d(network.convolution(clips).relu(), 3)
    assert maps.shape == (5, 32, 1, 20, 20)
    plain = network.dense[5](network.dense[2](maps.flatten(1)).relu())
    torch.testing.assert_close(network(clips), plain)


def test_ststnet_equals_three_parallel_streams():
    torch.manual_seed(0)
    joined = baselines.build("ststnet", Config()).network(3).eval()
    x, parts = torch.rand(4, 3, 28, 28), []
    for rows in ((0, 3), (3, 8), (8, 16)):
        chosen = slice(*rows)
        maps = nn.functional.conv2d(x, joined[0].weight[chosen], joined[0].bias[chosen], padding=2)
        maps = nn.functional.batch_norm(
            maps.relu(),
            joined[2].running_mean[chosen],
            joined[2].running_var[chosen],
            joined[2].weight[chosen],
            joined[2].bias[chosen],
        )
        parts.append(nn.functional.max_pool2d(maps, 3, stride=3, padding=1))
    pooled = nn.functional.avg_pool2d(torch.cat(parts, dim=1), 2)
    assert pooled.shape == (4, 16, 5, 5)
    torch.testing.assert_close(joined(x), joined[-1](pooled.flatten(1)))


def test_stcnn_takes_the_first_frames_and_repeats_the_last_of_a_short_clip():
    clip = planted(1, 1).clips[0]
    short = replace(clip, images=clip.images[:11])
    described = baselines.build("micro_exp_stcnn", Config()).describe(short)
    assert described.values.shape == (1, 18, 64, 64)
    assert (described.values[0, 11:] == described.values[0, 10]).all()
    assert described.note == "last frame repeated 7 times"


def test_setfnet_cuts_eyes_with_brows_and_the_mouth():
    boxes = cnn_3d.regions(LANDMARKS_PX)
    distance = 36.0
    np.testing.assert_allclose(boxes[:, 2], 0.9 * distance)
    for box, part in zip(boxes, ((30, 28), (66, 28), (48, 74)), strict=True):
        assert (np.abs(box[:2] - part) < box[2] / 2).all()
    assert boxes[0, 0] + boxes[0, 2] / 2 < boxes[1, 0] - boxes[1, 2] / 2  # eyes do not overlap


def test_setfnet_cuts_what_lies_there():
    image = np.zeros((96, 96), np.float32)
    image[70:79, 44:53] = 255
    mouth = cnn_3d._cut(image, cnn_3d.regions(LANDMARKS_PX)[2])
    y, x = np.average(np.indices(mouth.shape).reshape(2, -1), axis=1, weights=mouth.ravel())
    assert (x, y) == pytest.approx((11.5, 11.5), abs=0.1)
    assert mouth[0].max() == 0


def test_setfnet_needs_landmarks():
    clip = replace(planted(1, 1).clips[0], landmarks_px=None)
    with pytest.raises(DataError, match="clip s1_00: setfnet needs landmarks.*compare.systems"):
        baselines.build("setfnet", Config()).describe(clip)


def test_a_loss_that_is_not_finite_stops_the_run():
    with pytest.raises(ConfigError, match="not finite in epoch 1"):
        next(
            fit(
                nn.Linear(2, 3),
                torch.full((8, 2), torch.inf),
                torch.zeros(8, dtype=torch.int64),
                Schedule(epochs=3, batch_clips=4, lr=0.1),
                class_weights=None,
                rng=np.random.default_rng(0),
            )
        )


def test_compare_epochs_replaces_a_networks_own():
    own = baselines.build("ststnet", Config())
    fewer = baselines.build("ststnet", Config.parse({"compare": {"epochs": 7}}))
    assert own.schedule.epochs == 800
    assert fewer.schedule == replace(own.schedule, epochs=7)
    assert own.settings() != fewer.settings()


def test_ststnet_is_that_of_the_paper_or_of_the_code_by_name():
    def version(**keys):
        return baselines.build("ststnet", Config.parse({"compare": {"ststnet": keys}}))

    assert version(epochs="paper").schedule.epochs == 500
    assert version().schedule.epochs == 800
    clip = planted(1, 1).clips[0]
    plain, grey = (version(maps=m).describe(clip).values for m in ("displacement", "grey_levels"))
    for theirs, ours in zip(grey, plain[::-1], strict=True):  # strain, vertical, horizontal
        assert (theirs.min(), theirs.max()) == (0, 255)
        assert np.corrcoef(theirs.ravel(), ours.ravel())[0, 1] > 0.999
    assert (grey_levels(np.full((3, 28, 28), 7, np.float32)) == 0).all()
    assert version().settings() != version(maps="grey_levels").settings()
