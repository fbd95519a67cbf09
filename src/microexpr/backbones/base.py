"""What networks are made of: convolutions, and the interface of stem, numbered blocks and head."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from microexpr.config import Features
from microexpr.errors import ConfigError, DataError

Activation = Callable[[Tensor], Tensor]
# In place: a convolution's output is used once.
relu: Activation = partial(F.relu, inplace=True)
relu6: Activation = partial(F.relu6, inplace=True)


class Conv(nn.Conv2d):
    """Convolution, activation and options of nn.Conv2d; `same` pads as TensorFlow does."""

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
        if self.same:  # with stride 2 more on the right and bottom
            padding: list[int] = []
            for side in (x.shape[-1], x.shape[-2]):
                kernel, stride = self.kernel_size[0], self.stride[0]
                missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
                padding += [missing // 2, missing - missing // 2]
            x = F.pad(x, padding)
        y = self._conv_forward(x, weight, bias)
        return self.activation(y) if self.activation else y


class FrozenBatchNorm(nn.Module):
    """BatchNorm whose statistics are never updated: batches are few, correlated frames."""

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

    Scaling the kernel saves a pass over the maps and autograd's memory; gradients are the same.
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


class Backbone(nn.Module):
    """A network that turns face crops into features, cut after block B1..B`n_blocks`.

    Frames are RGB whatever the order in which the weights were trained. `stem` and `head` stand
    before the first and after the last of `blocks` (``blocks[0]`` is B1, as on the poster), before
    the average pooling; `mean_rgb` and `std_rgb` are in grey levels of 255.
    """

    name: str = ""  # ``features.backbone``
    weights_name: str = ""
    weights_sha256: str = ""

    def __init__(
        self,
        *,
        stem: nn.Module,
        blocks: list[nn.Module],
        head: nn.Module | None = None,
        mean_rgb: tuple[float, float, float],
        std_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = stem, nn.ModuleList(blocks), head or nn.Identity()
        self.n_blocks, self.mean_rgb, self.std_rgb = len(blocks), mean_rgb, std_rgb

    def check_cut(self, cut: int) -> None:
        """Raise ConfigError unless 1 <= cut <= n_blocks."""
        if not 1 <= cut <= self.n_blocks:
            raise ConfigError(
                f"features.cut: {cut} is outside 1..{self.n_blocks}, the blocks of {self.name}"
            )

    def preprocess(self, frames: Tensor) -> Tensor:
        """Standardise RGB face crops, (T, H, W, 3) uint8, to (T, 3, H, W) float32."""
        if frames.dtype != torch.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
            raise DataError(
                f"frames must be (T, H, W, 3) uint8, got {tuple(frames.shape)} {frames.dtype}"
            )
        x = frames.permute(0, 3, 1, 2).float()
        mean, std = torch.tensor((self.mean_rgb, self.std_rgb), device=x.device)[..., None, None]
        return x.sub_(mean).div_(std)

    def front(self, x: Tensor, cut: int) -> Tensor:
        """Run stem and B1..B`cut`, whose maps are cached; at `n_blocks` also head and pooling."""
        self.check_cut(cut)
        x = self.stem(x)
        for block in self.blocks[:cut]:
            x = block(x)
        return self.head(x).mean((2, 3), keepdim=True) if cut == self.n_blocks else x

    def back(self, features: Tensor, cut: int) -> Tensor:
        """Run the blocks above `cut`, head and pooling: maps of :meth:`front` to (T, C) float32."""
        self.check_cut(cut)
        x = features.float()
        return self.above(x, cut) if cut < self.n_blocks else x.flatten(1)

    def above(self, x: Tensor, block: int) -> Tensor:
        """Take the output of any block, (T, C, h, w), to pooled features (T, C)."""
        for following in self.blocks[block:]:
            x = following(x)
        return self.head(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Run the whole network: (T, 3, H, W) float32 to (T, C) float32."""
        return self.back(self.front(x, self.n_blocks), self.n_blocks)

    def retrained_parameters(self, cut: int) -> list[nn.Parameter]:
        """Return the parameters that :meth:`back` uses; none at `n_blocks`."""
        self.check_cut(cut)
        if cut == self.n_blocks:
            return []
        return [*self.blocks[cut:].parameters(), *self.head.parameters()]


def channels_last(net: Backbone) -> Backbone:
    """Convert a network to the memory format that convolutions are fastest in."""
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def batch_frames(settings: Features, device: str) -> int:
    """Return how many frames pass through the network at a time."""
    # A CPU's cache holds the maps of few frames; a GPU wants many.
    return settings.batch or (4 if device == "cpu" else 128)


@torch.inference_mode()
def frame_features(
    pixels: np.ndarray, network: Backbone, settings: Features, device: str = "cpu"
) -> np.ndarray:
    """Run the frozen blocks over face crops (T, y, x, 3) uint8, in batches: (T, C, h, w)."""
    found = []
    for images in torch.from_numpy(pixels).split(batch_frames(settings, device)):
        maps = network.front(network.preprocess(images.to(device)), settings.cut)
        found.append(np.ascontiguousarray(maps.cpu().numpy(), dtype=settings.dtype))
    return np.concatenate(found)
