"""The convolutions of all networks; BatchNorm with statistics that never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]


def relu(x: Tensor) -> Tensor:
    """Apply ReLU in place: a convolution's output is used once."""
    return F.relu(x, inplace=True)


def relu6(x: Tensor) -> Tensor:
    """Apply ReLU clipped at 6, in place."""
    return F.relu6(x, inplace=True)


class Conv(nn.Conv2d):
    """Convolution with an optional activation.

    Parameters
    ----------
    c_in, c_out, kernel_px, stride, groups, bias
        As in :class:`torch.nn.Conv2d`.
    same : bool
        Pad as TensorFlow's ``SAME``: more on the right and bottom where stride 2 asks for an odd
        number. Otherwise ``kernel_px // 2`` on every side.
    activation : callable, optional
        Applied to the output.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel_px: int,
        *,
        stride: int = 1,
        groups: int = 1,
        same: bool = False,
        bias: bool = True,
        activation: Activation | None = None,
    ) -> None:
        super().__init__(
            c_in,
            c_out,
            kernel_px,
            stride=stride,
            padding=0 if same else kernel_px // 2,
            groups=groups,
            bias=bias,
        )
        self.same = same
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, c_in, h, w) float32 to (T, c_out, h', w')."""
        return self._convolve(x, self.weight, self.bias)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.same:
            x = F.pad(x, self._same_padding(*x.shape[-2:]))
        y = self._conv_forward(x, weight, bias)
        return self.activation(y) if self.activation else y

    def _same_padding(self, height: int, width: int) -> list[int]:
        padding = []
        for side in (width, height):
            kernel, stride = self.kernel_size[0], self.stride[0]
            missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            padding += [missing // 2, missing - missing // 2]
        return padding


class FrozenBatchNorm(nn.Module):
    """BatchNorm reduced to the affine map that its running statistics define.

    The statistics are never updated, in train() mode either: batches are the few, correlated frames
    of some clips. Weight and bias can be trained.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def affine(self) -> tuple[Tensor, Tensor]:
        """Return scale and shift, (C,) each."""
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        return scale, self.bias - self.running_mean * scale


class ConvBn(Conv):
    """Convolution and frozen BatchNorm, computed as one convolution; options as for :class:`Conv`.

    Scaling the kernel instead of the output saves a pass over the maps and the memory that
    autograd keeps for it; gradients of kernel and BatchNorm weights are those of the two steps.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel_px: int,
        *,
        eps: float = 1e-5,
        **options: Any,
    ) -> None:
        super().__init__(c_in, c_out, kernel_px, bias=False, **options)
        self.bn = FrozenBatchNorm(c_out, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, c_in, h, w) float32 to (T, c_out, h', w')."""
        scale, shift = self.bn.affine()
        return self._convolve(x, self.weight * scale[:, None, None, None], shift)
