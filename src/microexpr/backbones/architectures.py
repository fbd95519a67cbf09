"""MobileNet-v1, EfficientNet-Lite0, and ResNet-50 in two geometries."""

from collections import OrderedDict
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from microexpr.backbones.base import Backbone, Conv, ConvBn, relu, relu6

MOBILENET_CHANNELS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
MOBILENET_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)


def separable_block(c_in: int, c_out: int, *, stride: int) -> nn.Sequential:
    """Make a depthwise 3x3 and a pointwise 1x1 convolution, each with ReLU6."""
    dw = Conv(c_in, c_in, 3, stride=stride, groups=c_in, same=True, activation=relu6)
    return nn.Sequential(OrderedDict(dw=dw, pw=Conv(c_in, c_out, 1, activation=relu6)))


def mobilenet_v1() -> Backbone:
    """Make a MobileNet-v1 1.0/224 (Howard et al. 2017) of 13 separable blocks.

    B6 gives 512 x 14 x 14 for 224 px, the last cut 1024. A. Savchenko (HSE_FaceRec_tf) trained the
    weights on VGGFace2; ``tools/convert_faceres.py`` folded BatchNorm into the convolutions.
    """
    sizes = zip(pairwise((32, *MOBILENET_CHANNELS)), MOBILENET_STRIDES, strict=True)
    blocks: list[nn.Module] = [separable_block(*pair, stride=stride) for pair, stride in sizes]
    stem = Conv(3, 32, 3, stride=2, same=True, activation=relu6)
    return Backbone(stem=stem, blocks=blocks, mean_rgb=CAFFE_MEAN_RGB)


# Repeats, kernel in px, stride, expansion, output channels.
LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
LITE0_HEAD_CHANNELS = 1280
LITE0_ACTIVE: dict[str, Any] = {"eps": 1e-3, "activation": relu6}


class MBConv(nn.Module):
    """Inverted bottleneck: expand 1x1, depthwise, project 1x1 without activation, shortcut."""

    def __init__(self, c_in: int, c_out: int, *, kernel_px: int, stride: int, expand: int) -> None:
        super().__init__()
        width = c_in * expand
        self.shortcut = stride == 1 and c_in == c_out
        self.expand = ConvBn(c_in, width, 1, **LITE0_ACTIVE) if expand > 1 else nn.Identity()
        self.depthwise = ConvBn(
            width, width, kernel_px, stride=stride, groups=width, same=True, **LITE0_ACTIVE
        )
        self.project = ConvBn(width, c_out, 1, eps=LITE0_ACTIVE["eps"])

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, c_in, h, w) to (T, c_out, h / stride, w / stride)."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.shortcut else y


def efficientnet_lite0() -> Backbone:
    """Make an EfficientNet-Lite0 (Tan and Le 2019); the last cut is its head, pooled."""
    blocks: list[nn.Module] = []
    c_in = 32
    for repeats, kernel_px, first_stride, expand, c_out in LITE0_STAGES:
        for stride in (first_stride, *[1] * (repeats - 1)):
            blocks.append(MBConv(c_in, c_out, kernel_px=kernel_px, stride=stride, expand=expand))
            c_in = c_out
    return Backbone(
        stem=ConvBn(3, 32, 3, stride=2, same=True, **LITE0_ACTIVE),
        blocks=blocks,
        head=ConvBn(c_in, LITE0_HEAD_CHANNELS, 1, **LITE0_ACTIVE),
        mean_rgb=(127.0, 127.0, 127.0),
        std_rgb=(128.0, 128.0, 128.0),
    )


RESNET50_STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))  # blocks, width
EXPANSION = 4
VGGFACE2_MEAN_RGB = (131.0912, 103.8827, 91.4953)
IMAGENET_MEAN_RGB = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_STD_RGB = (0.229 * 255, 0.224 * 255, 0.225 * 255)
# VGGFace2's network (Cao et al. 2018, trained in Caffe) is He et al. 2016 as published: stride 2 on
# the first 1x1 convolution of B4, B8 and B14, and an unpadded max-pooling that rounds up.
# Torchvision's ("v1.5") has stride 2 on the 3x3 convolution and pads the pooling by one pixel. The
# weights of one load into the other without an error and give wrong features.
Geometry = Literal["caffe", "torchvision"]


class Bottleneck(nn.Module):
    """Three convolutions and a shortcut (He et al. 2016), which a 1x1 convolution can `project`."""

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
    c_in = 64
    for stage, (n_blocks, width) in enumerate(RESNET50_STAGES):
        for i in range(n_blocks):
            stride = 2 if stage > 0 and i == 0 else 1
            blocks.append(Bottleneck(c_in, width, stride=stride, project=i == 0, geometry=geometry))
            c_in = EXPANSION * width
    return Backbone(
        stem=nn.Sequential(OrderedDict(conv=conv, pool=pool)),
        blocks=blocks,
        mean_rgb=VGGFACE2_MEAN_RGB if caffe else IMAGENET_MEAN_RGB,
        std_rgb=(1.0, 1.0, 1.0) if caffe else IMAGENET_STD_RGB,
    )


resnet50_caffe = partial(resnet50, "caffe")  # trained on VGGFace2
resnet50_torchvision = partial(resnet50, "torchvision")
