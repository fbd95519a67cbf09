"""A small network whose maps are explained."""

from __future__ import annotations

import torch
from torch import nn

from microexpr.backbones.base import Backbone


def small_network(seed: int = 0) -> Backbone:
    """Two blocks: 16 px give maps of 8 and of 4 px."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = Backbone(
            stem=nn.Conv2d(3, 4, 3, stride=1, padding=1),
            blocks=[
                nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.Tanh()),
                nn.Sequential(nn.Conv2d(6, 5, 3, stride=2, padding=1), nn.Tanh()),
            ],
            mean_rgb=(128.0, 128.0, 128.0),
            std_rgb=(64.0, 64.0, 64.0),
        )
    return made.eval().requires_grad_(False)
