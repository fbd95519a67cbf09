"""One interface for all networks: stem, numbered blocks, head, and the cut between them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from microexpr.config import Features
from microexpr.errors import ConfigError, DataError

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class Backbone(nn.Module):
    """A network that turns face crops into features, cut after block B1..B`n_blocks`.

    Frames are RGB whatever the order in which the weights were trained: the first convolution is
    flipped when a BGR file is loaded. `name` is ``features.backbone``; caches store the weights.

    Parameters
    ----------
    stem, head : nn.Module
        Before the first and after the last block; the head ends before the average pooling.
    blocks : list of nn.Module
        B1..Bn, numbered as on the poster (``blocks[0]`` is B1).
    channels : tuple of int
        Channels of ``front(x, cut)`` at index ``cut - 1``.
    mean_rgb, std_rgb : tuple of float
        Of the training pictures, in grey levels of 255.
    """

    name: str = ""
    weights_name: str = ""
    weights_sha256: str = ""

    def __init__(
        self,
        *,
        stem: nn.Module,
        blocks: list[nn.Module],
        head: nn.Module | None = None,
        channels: tuple[int, ...],
        mean_rgb: tuple[float, float, float],
        std_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        self.stem, self.blocks, self.head = stem, nn.ModuleList(blocks), head or nn.Identity()
        self.n_blocks, self.channels = len(blocks), channels
        self.mean_rgb, self.std_rgb = mean_rgb, std_rgb

    def check_cut(self, cut: int) -> None:
        """Raise ConfigError unless 1 <= cut <= n_blocks."""
        if not 1 <= cut <= self.n_blocks:
            raise ConfigError(
                f"features.cut: {cut} is outside 1..{self.n_blocks}, the blocks of {self.name}"
            )

    def preprocess(self, frames: Tensor) -> Tensor:
        """Subtract the mean and divide by the standard deviation that the weights expect.

        From RGB face crops (T, H, W, 3) uint8 to (T, 3, H, W) float32; DataError on others.
        """
        if frames.dtype != torch.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
            raise DataError(
                f"frames must be (T, H, W, 3) uint8, got {tuple(frames.shape)} {frames.dtype}"
            )
        x = frames.permute(0, 3, 1, 2).float()
        mean = torch.tensor(self.mean_rgb, device=x.device).view(3, 1, 1)
        std = torch.tensor(self.std_rgb, device=x.device).view(3, 1, 1)
        return x.sub_(mean).div_(std)

    def front(self, x: Tensor, cut: int) -> Tensor:
        """Run the stem and B1..B`cut`, whose output is cached; at `n_blocks` also head and pooling.

        From (T, 3, H, W) float32 of :meth:`preprocess` to the maps that the next block takes,
        (T, C, h, w) float32; (T, C, 1, 1) at `n_blocks`.
        """
        self.check_cut(cut)
        x = self.stem(x)
        for block in self.blocks[:cut]:
            x = block(x)
        return self._finish(x) if cut == self.n_blocks else x

    def back(self, features: Tensor, cut: int) -> Tensor:
        """Run the fine-tuned blocks B(`cut` + 1)..Bn, head and pooling on cached maps.

        From maps (T, C, h, w) float16 or float32 of :meth:`front` at the same `cut` to one vector
        per frame, (T, C) float32.
        """
        self.check_cut(cut)
        x = features.float()
        if cut < self.n_blocks:
            for block in self.blocks[cut:]:
                x = block(x)
            x = self._finish(x)
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Run the whole network: (T, 3, H, W) float32 to (T, C) float32."""
        return self.back(self.front(x, self.n_blocks), self.n_blocks)

    def retrained_parameters(self, cut: int) -> list[nn.Parameter]:
        """Return the parameters that :meth:`back` uses; none at `n_blocks`."""
        self.check_cut(cut)
        if cut == self.n_blocks:
            return []
        return [*self.blocks[cut:].parameters(), *self.head.parameters()]

    def _finish(self, x: Tensor) -> Tensor:
        return self.head(x).mean((2, 3), keepdim=True)


def channels_last(net: ModuleT) -> ModuleT:
    """Convert a network to the memory format that convolutions are fastest in."""
    converted: ModuleT = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return converted


def batch_frames(settings: Features, device: str) -> int:
    """Return how many frames pass through the network at a time."""
    # A CPU's cache holds the maps of few frames; a GPU wants many.
    return settings.batch or (4 if device == "cpu" else 128)


@torch.inference_mode()
def frame_features(
    pixels: np.ndarray, network: Backbone, settings: Features, device: str = "cpu"
) -> np.ndarray:
    """Run the frozen blocks, up to ``cut``, over frames, in batches.

    From face crops (T, y, x, 3) uint8, magnified or not, to (T, C, h, w) in the cache's ``dtype``;
    `network` is on `device`, ``cpu`` or ``cuda``.
    """
    found = []
    for images in torch.from_numpy(pixels).split(batch_frames(settings, device)):
        maps = network.front(network.preprocess(images.to(device)), settings.cut)
        found.append(np.ascontiguousarray(maps.cpu().numpy(), dtype=settings.dtype))
    return np.concatenate(found)
