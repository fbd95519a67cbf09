"""The convolutions of all networks; BatchNorm with statistics that never change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Callable[[Tensor], Tensor]
# In place: a convolution's output is used once.
relu: Activation = partial(F.relu, inplace=True)
relu6: Activation = partial(F.relu6, inplace=True)


class Conv(nn.Conv2d):
    """Convolution with an optional activation; `options` are those of :class:`torch.nn.Conv2d`.

    `same` pads as TensorFlow's ``SAME``: more on the right and bottom where stride 2 asks for an
    odd number. Otherwise ``kernel_px // 2`` on every side.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel_px: int,
        *,
        same: bool = False,
        activation: Activation | None = None,
        **options: Any,
    ) -> None:
        super().__init__(c_in, c_out, kernel_px, padding=0 if same else kernel_px // 2, **options)
        self.same, self.activation = same, activation

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, c_in, h, w) float32 to (T, c_out, h', w')."""
        return self._convolve(x, self.weight, self.bias)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.same:
            padding: list[int] = []
            for side in (x.shape[-1], x.shape[-2]):
                kernel, stride = self.kernel_size[0], self.stride[0]
                missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
                padding += [missing // 2, missing - missing // 2]
            x = F.pad(x, padding)
        y = self._conv_forward(x, weight, bias)
        return self.activation(y) if self.activation else y


class FrozenBatchNorm(nn.Module):
    """BatchNorm whose statistics are never updated, in train() mode either.

    Batches are the few, correlated frames of some clips. Weight and bias can be trained.
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
        self, c_in: int, c_out: int, kernel_px: int, *, eps: float = 1e-5, **options: Any
    ) -> None:
        super().__init__(c_in, c_out, kernel_px, bias=False, **options)
        self.bn = FrozenBatchNorm(c_out, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """Map (T, c_in, h, w) float32 to (T, c_out, h', w')."""
        scale, shift = self.bn.affine()
        return self._convolve(x, self.weight * scale[:, None, None, None], shift)
