"""EfficientNet-Lite0 (Tan and Le 2019, without squeeze-and-excitation): the ImageNet control."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from microexpr.backbones.base import Backbone
from microexpr.backbones.layers import ConvBn, relu6

# Repeats, kernel in px, stride, expansion, output channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
HEAD_CHANNELS = 1280
BN_EPS = 1e-3


class MBConv(nn.Module):
    """Inverted bottleneck: expand 1x1, depthwise, project 1x1 without activation, shortcut."""

    def __init__(self, c_in: int, c_out: int, *, kernel_px: int, stride: int, expand: int) -> None:
        super().__init__()
        width = c_in * expand
        self.shortcut = stride == 1 and c_in == c_out
        active: dict[str, Any] = {"eps": BN_EPS, "activation": relu6}
        self.expand = ConvBn(c_in, width, 1, **active) if expand > 1 else nn.Identity()
        self.depthwise = ConvBn(
            width, width, kernel_px, stride=stride, groups=width, same=True, **active
        )
        self.project = ConvBn(width, c_out, 1, eps=BN_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, c_in, h, w) to (T, c_out, h / stride, w / stride)."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


def efficientnet_lite0() -> Backbone:
    """Make an EfficientNet-Lite0 of 16 MBConv blocks, whose outputs have no activation.

    The last cut is the 1280-channel head, pooled.
    """
    blocks: list[nn.Module] = []
    channels: list[int] = []
    c_in = 32
    for repeats, kernel_px, first_stride, expand, c_out in STAGES:
        for i in range(repeats):
            stride = first_stride if i == 0 else 1
            blocks.append(MBConv(c_in, c_out, kernel_px=kernel_px, stride=stride, expand=expand))
            c_in = c_out
            channels.append(c_out)
    return Backbone(
        stem=ConvBn(3, 32, 3, stride=2, same=True, eps=BN_EPS, activation=relu6),
        blocks=blocks,
        head=ConvBn(c_in, HEAD_CHANNELS, 1, eps=BN_EPS, activation=relu6),
        channels=(*channels[:-1], HEAD_CHANNELS),
        mean_rgb=(127.0, 127.0, 127.0),
        std_rgb=(128.0, 128.0, 128.0),
    )
