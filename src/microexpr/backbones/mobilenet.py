"""MobileNet-v1 1.0/224 (Howard et al. 2017), trained on VGGFace2 by A. Savchenko (HSE_FaceRec_tf).

The weights that come with the package are of this network; ``tools/convert_faceres.py`` makes the
file. BatchNorm is folded into the convolutions there, so none is left here.
"""

from __future__ import annotations

from torch import Tensor, nn

from microexpr.backbones.base import Backbone
from microexpr.backbones.layers import Conv, relu6

CHANNELS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)


class SeparableBlock(nn.Module):
    """Depthwise 3x3 and pointwise 1x1 convolution, each with ReLU6."""

    def __init__(self, c_in: int, c_out: int, *, stride: int) -> None:
        super().__init__()
        self.dw = Conv(c_in, c_in, 3, stride=stride, groups=c_in, same=True, activation=relu6)
        self.pw = Conv(c_in, c_out, 1, activation=relu6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, c_in, h, w) to (T, c_out, h / stride, w / stride)."""
        return self.pw(self.dw(x))


def mobilenet_v1() -> Backbone:
    """Make a MobileNet-v1 of 13 separable blocks.

    B6 gives 512 x 14 x 14 for 224 px (the grid of ResNet-50's B8), the last cut 1024.
    """
    inputs = (32, *CHANNELS[:-1])
    return Backbone(
        stem=Conv(3, 32, 3, stride=2, same=True, activation=relu6),
        blocks=[
            SeparableBlock(c_in, c_out, stride=stride)
            for c_in, c_out, stride in zip(inputs, CHANNELS, STRIDES, strict=True)
        ],
        channels=CHANNELS,
        mean_rgb=CAFFE_MEAN_RGB,
    )
