"""A small backbone with the whole interface, for tests of training."""

from __future__ import annotations

import torch
from torch import nn

from microexpr.backbones.base import Backbone, ConvBn, relu


def small_backbone(seed: int = 0) -> Backbone:
    """Make three blocks of 6, 8 and 12 channels with BatchNorm; B1 of 16 px gives 6 x 4 x 4."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Backbone(
            stem=ConvBn(3, 4, 3, stride=2, activation=relu),
            blocks=[
                ConvBn(4, 6, 3, stride=2, activation=relu),
                ConvBn(6, 8, 3, activation=relu),
                ConvBn(8, 12, 3, stride=2, activation=relu),
            ],
            mean_rgb=(0.0, 0.0, 0.0),
        )
        for module in network.modules():
            if isinstance(module, nn.Module) and hasattr(module, "running_mean"):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    network.name = "small"
    network.weights_sha256 = f"{seed:064d}"
    return network.eval()
