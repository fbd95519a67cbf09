"""ResNet-50 in the two geometries that share one set of key names.

VGGFace2's network (Cao et al. 2018, trained in Caffe) is He et al. 2016 as published: stride 2 on
the first 1x1 convolution of B4, B8 and B14, and an unpadded max-pooling that rounds up.
Torchvision's ("v1.5") has stride 2 on the 3x3 convolution and pads the pooling by one pixel. The
weights of one load into the other without an error and give wrong features.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn

from microexpr.backbones.base import Backbone
from microexpr.backbones.layers import ConvBn, relu

BLOCKS_PER_STAGE = (3, 4, 6, 3)
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4
VGGFACE2_MEAN_RGB = (131.0912, 103.8827, 91.4953)
IMAGENET_MEAN_RGB = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_STD_RGB = (0.229 * 255, 0.224 * 255, 0.225 * 255)

Geometry = Literal["caffe", "torchvision"]


class Bottleneck(nn.Module):
    """Three convolutions and a shortcut (He et al. 2016, figure 5 right).

    Parameters
    ----------
    c_in, width, stride : int
        Channels of the input and of the 3x3 convolution; the output has four times `width`.
    project : bool
        A 1x1 convolution as the shortcut: the first block of each stage.
    geometry : {"caffe", "torchvision"}
        Which convolution has the stride: the first 1x1, or the 3x3.
    """

    def __init__(
        self, c_in: int, width: int, *, stride: int, project: bool, geometry: Geometry
    ) -> None:
        super().__init__()
        first, second = (stride, 1) if geometry == "caffe" else (1, stride)
        c_out = EXPANSION * width
        self.reduce = ConvBn(c_in, width, 1, stride=first, activation=relu)
        self.spatial = ConvBn(width, width, 3, stride=second, activation=relu)
        self.increase = ConvBn(width, c_out, 1)
        self.proj = ConvBn(c_in, c_out, 1, stride=stride) if project else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, c_in, h, w) to (T, 4 width, h / stride, w / stride), after the ReLU."""
        y = self.increase(self.spatial(self.reduce(x)))
        return torch.relu(y + self.proj(x))


def resnet50(geometry: Geometry) -> Backbone:
    """Make a ResNet-50 of 16 blocks: B1..B3, B4..B7, B8..B13, B14..B16.

    B8 gives 1024 x 14 x 14 for 224 px, the last cut 2048 (``pool5``). The preprocessing belongs to
    the geometry: VGGFace2's mean on 0..255, or ImageNet's mean and standard deviation.
    """
    caffe = geometry == "caffe"
    pool = nn.MaxPool2d(3, 2, 0, ceil_mode=True) if caffe else nn.MaxPool2d(3, 2, 1)
    conv = ConvBn(3, 64, 7, stride=2, activation=relu)
    blocks: list[nn.Module] = []
    channels: list[int] = []
    c_in = 64
    for stage, (n_blocks, width) in enumerate(zip(BLOCKS_PER_STAGE, WIDTHS, strict=True)):
        for i in range(n_blocks):
            stride = 2 if stage > 0 and i == 0 else 1
            blocks.append(Bottleneck(c_in, width, stride=stride, project=i == 0, geometry=geometry))
            c_in = EXPANSION * width
            channels.append(c_in)
    return Backbone(
        stem=nn.Sequential(OrderedDict(conv=conv, pool=pool)),
        blocks=blocks,
        channels=tuple(channels),
        mean_rgb=VGGFACE2_MEAN_RGB if caffe else IMAGENET_MEAN_RGB,
        std_rgb=(1.0, 1.0, 1.0) if caffe else IMAGENET_STD_RGB,
    )


def resnet50_caffe() -> Backbone:
    """Make the network that was trained on VGGFace2."""
    return resnet50("caffe")


def resnet50_torchvision() -> Backbone:
    """Make the network of torchvision."""
    return resnet50("torchvision")
