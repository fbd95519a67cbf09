"""Gathered windows train along the curve of windows that are fed one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import small_backbone

from training import Material, in_turns


@pytest.fixture
def material() -> Material:
    """Two clips of noise, 16 px, before three small blocks of which two are fine-tuned."""
    network = small_backbone().requires_grad_(False)
    made = Material.make(network, cut=1, clips=2, epochs=4, size_px=16)
    settings = made.settings.model_copy(update={"embed": 8, "hidden": 6, "lr_fine_tuned": 0.001})
    return replace(made, settings=settings)


@pytest.mark.parametrize("n", [7, 14])
@pytest.mark.parametrize("mode", ["continuous", "even"])
def test_same_losses(material, n, mode):
    gathered, separate = (
        list(material.epochs(kind, n, (mode,))) for kind in ("gathered", "separate")
    )
    losses = np.array([[epoch.loss for epoch in epochs] for epochs in (gathered, separate)])
    assert np.abs(losses[0] - losses[1]).max() < 1e-4
    assert losses[0, 0] - losses[0, -1] > 0.01  # it does learn


def test_the_cached_start_trains_as_the_whole_network_does(material):
    torch.manual_seed(0)
    *_, difference = in_turns(
        material.epochs("gathered", 7, ("even",)), material.epochs("whole", 7, ("even",))
    )
    assert difference < 2e-3  # the cache is rounded to float16
