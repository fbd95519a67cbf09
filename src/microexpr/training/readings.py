"""How pooled features of frames are read before the embedding, and where they come from.

``raw`` is what the network gives; ``onset_difference`` subtracts the features of the clip's first
frame, which removes identity and lighting and keeps the motion. The difference is always taken of
pooled features: the blocks to retrain have weights and BatchNorm statistics for activations of
faces, not for differences of them. So the clip's first frame passes through these blocks as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from microexpr.errors import ConfigError
from microexpr.training.model import Trunk
from microexpr.training.store import FeatureStore

CHUNK_FRAMES = 32  # through the retrained blocks at a time
FLOOR = 1e-3  # of the mean sd: channels that hardly ever move are not blown up


@dataclass(frozen=True)
class FrameReading:
    """A fixed map of pooled features: difference, shift and scale.

    Parameters
    ----------
    difference : bool
        Subtract the features of the clip's first frame.
    shift, scale : Tensor, shape (C,)
        ``(x - shift) / scale``.
    """

    difference: bool
    shift: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, reading: str, pooled: Tensor, onset: Tensor, *, standardise: bool) -> FrameReading:
        """Measure the statistics on training clips.

        Where blocks are retrained, `pooled` is what they give before training: the map stays fixed
        while they move.

        Parameters
        ----------
        reading : {"onset_difference", "raw"}
            ``raw`` is shifted by the mean; a difference is not, because its zero means no motion.
        pooled, onset : Tensor, shape (F, C)
            Frames of the training clips, and for each the first frame of its clip.
        standardise : bool
            Whether to shift and scale at all.
        """
        difference = reading == "onset_difference"
        if not standardise:
            return cls(difference, torch.zeros(pooled.shape[1]), torch.ones(pooled.shape[1]))
        values = pooled - onset if difference else pooled
        mean = values.mean(0)
        # torch.std gives the same and is 7 times slower along the first axis.
        sd = (values - mean).square_().mean(0).sqrt_()
        shift = torch.zeros_like(mean) if difference else mean
        return cls(difference, shift, sd + FLOOR * sd.mean() + 1e-6)

    def __call__(self, pooled: Tensor, onset: Tensor | None) -> Tensor:
        """Read frames `pooled` (F, C) of clips whose first frames are `onset` (F, C).

        `onset` is not looked at where `difference` is false.
        """
        shifted = pooled - onset if self.difference else pooled - self.shift
        return shifted / self.scale

    def to(self, device: torch.device) -> FrameReading:
        """Move the statistics to a device."""
        return FrameReading(self.difference, self.shift.to(device), self.scale.to(device))


class FrameSource(Protocol):
    """Gives the frames of any rows of a store as the classifier wants them."""

    def __call__(self, rows: Tensor) -> Tensor:
        """Give frames (F, C) of strictly increasing rows (F,)."""


class FrozenFrames:
    """Nothing is retrained: all frames are read once.

    Parameters
    ----------
    reading : FrameReading
        Statistics of the training clips.
    pooled : Tensor, shape (F, C), float32
        All frames of the store.
    onset_row : ndarray, shape (F,), int64
        For each, the row of its clip's first frame.
    device : torch.device
        Where the frames lie.
    """

    def __init__(
        self, reading: FrameReading, pooled: Tensor, onset_row: np.ndarray, device: torch.device
    ) -> None:
        self._frames = reading(pooled, pooled[torch.from_numpy(onset_row)]).to(device)

    def __call__(self, rows: Tensor) -> Tensor:
        """Give frames (F, C) of strictly increasing rows (F,)."""
        return self._frames.index_select(0, rows.to(self._frames.device))


class RetrainedFrames:
    """Blocks are retrained: maps are read from the store and pass through them at each call.

    Only the chunk in work keeps its activations; the backward pass computes the others again
    (gradient checkpointing), so a batch costs its maps and the activations of one chunk.

    Parameters
    ----------
    reading : FrameReading
        Statistics of the training clips.
    store : FeatureStore
        Maps of the cut.
    trunk : Trunk
        On `device`.
    device : torch.device
        Where the frames go.
    """

    def __init__(
        self, reading: FrameReading, store: FeatureStore, trunk: Trunk, device: torch.device
    ) -> None:
        self._reading = reading.to(device)
        self._store, self._trunk, self._device = store, trunk, device
        self._onset_row = torch.from_numpy(store.onset_row)

    def __call__(self, rows: Tensor) -> Tensor:
        """Give frames (F, C) of strictly increasing rows (F,)."""
        onset = self._onset_row[rows]
        needed = torch.cat([rows, onset]).unique() if self._reading.difference else rows
        chunks = needed.split(CHUNK_FRAMES)
        pooled = torch.cat([self._pool(chunk, again=len(chunks) > 1) for chunk in chunks])
        at = torch.searchsorted(needed, torch.stack([rows, onset])).to(self._device)
        return self._reading(pooled[at[0]], pooled[at[1]] if self._reading.difference else None)

    def _pool(self, rows: Tensor, *, again: bool) -> Tensor:
        maps = self._store.read(rows.numpy()).to(self._device)
        if again and torch.is_grad_enabled():
            return checkpoint(self._trunk, maps, use_reentrant=False)
        return self._trunk(maps)


@torch.no_grad()
def pooled_features(store: FeatureStore, trunk: Trunk | None, device: str = "cpu") -> Tensor:
    """Pool all frames: the cache itself, or what the blocks to retrain give before training.

    Parameters
    ----------
    store : FeatureStore
        Pooled features (C, 1, 1), or maps where `trunk` is given.
    trunk : Trunk or None
        Untrained, on `device`.
    device : str
        Where the trunk computes.

    Returns
    -------
    Tensor, shape (F, C), float32
        On the CPU; one row a frame of the store.

    Raises
    ------
    ConfigError
        When the store holds maps and no block is there to pool them.
    """
    if trunk is None and store.shape[1:] != (1, 1):
        raise ConfigError(
            f"features.cut: the cache holds maps {store.shape}, which need the backbone to train"
        )
    chunks = np.array_split(np.arange(store.lengths.sum()), -(-store.lengths.sum() // CHUNK_FRAMES))
    if trunk is None:
        return torch.cat([store.read(rows).flatten(1).float() for rows in chunks])
    trunk.eval()
    return torch.cat([trunk(store.read(rows).to(device)).cpu() for rows in chunks])
