"""How pooled features of frames are read before the embedding, and where they come from.

``raw`` is what the network gives; ``onset_difference`` subtracts the features of the clip's first
frame, which removes identity and lighting and keeps the motion. The difference is always taken of
pooled features: the blocks to retrain have weights and BatchNorm statistics for activations of
faces, not for differences of them. So the clip's first frame passes through these blocks as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from microexpr.errors import ConfigError
from microexpr.training.model import FineTunedBlocks
from microexpr.training.store import FeatureStore

CHUNK_FRAMES = 32  # through the retrained blocks at a time
FLOOR = 1e-3  # of the mean sd: channels that hardly ever move are not blown up


@dataclass(frozen=True)
class PooledSums:
    """Sums over the frames of each clip: from them follow the statistics of any training part.

    So neither a fold nor the data set as a whole needs all frames in memory.

    Parameters
    ----------
    counts : Tensor, shape (clips,), int64
        Frames of each clip.
    sums : Tensor, shape (clips, 2, 2, C), float64
        Of the features as they are, then of their differences to the clip's first frame; values,
        then squares.
    """

    counts: Tensor
    sums: Tensor

    @classmethod
    def of(cls, clips: Iterable[Iterable[Tensor]], n_clips: int) -> PooledSums:
        """Sum the consecutive frames (F, C) of each clip."""
        counts, sums = torch.zeros(n_clips, dtype=torch.int64), torch.empty(0)
        for clip, chunks in enumerate(clips):
            counts[clip], total = _sums(chunks)
            if clip == 0:  # at once: sums between the chunks of later clips would scatter memory
                sums = total.new_empty((n_clips, *total.shape))
            sums[clip] = total
        return cls(counts, sums)

    @property
    def channels(self) -> int:
        """Features of a frame, C."""
        return self.sums.shape[-1]

    def statistics(self, clips: Sequence[int], *, difference: bool) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over all frames of some clips, (C,) each, float32."""
        chosen = torch.as_tensor(clips)
        total, squares = self.sums[chosen, int(difference)].sum(0) / self.counts[chosen].sum()
        return total.float(), (squares - total.square()).clamp_(min=0).sqrt().float()


@dataclass(frozen=True)
class FeatureTransform:
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
    def fit(
        cls, feature_mode: str, pooled: PooledSums, clips: Sequence[int], *, standardise: bool
    ) -> FeatureTransform:
        """Measure the statistics on training clips.

        Where blocks are retrained, `pooled` is of what they give before training: the map stays
        fixed while they move.

        Parameters
        ----------
        feature_mode : {"onset_difference", "raw"}
            ``raw`` is shifted by the mean; a difference is not, because its zero means no motion.
        pooled : PooledSums
            Of all clips.
        clips : sequence of int
            Training clips.
        standardise : bool
            Whether to shift and scale at all.
        """
        difference = feature_mode == "onset_difference"
        if not standardise:
            return cls(difference, torch.zeros(pooled.channels), torch.ones(pooled.channels))
        mean, sd = pooled.statistics(clips, difference=difference)
        shift = torch.zeros_like(mean) if difference else mean
        return cls(difference, shift, sd + FLOOR * sd.mean() + 1e-6)

    def __call__(self, pooled: Tensor, onset: Tensor | None) -> Tensor:
        """Read frames `pooled` (F, C) of clips whose first frames are `onset` (F, C).

        `onset` is not looked at where `difference` is false.
        """
        shifted = pooled - onset if self.difference else pooled - self.shift
        return shifted / self.scale

    def to(self, device: torch.device) -> FeatureTransform:
        """Move the statistics to a device."""
        return FeatureTransform(self.difference, self.shift.to(device), self.scale.to(device))


class FrameSource(Protocol):
    """Gives the frames of any rows of a store as the classifier wants them."""

    def __call__(self, rows: Tensor) -> Tensor:
        """Give frames (F, C) of strictly increasing rows (F,)."""


class FrozenFrames:
    """Nothing is retrained: frames are read from the store at each call.

    Parameters
    ----------
    transform : FeatureTransform
        Statistics of the training clips.
    store : FeatureStore
        Pooled features.
    device : torch.device
        Where the frames go.
    """

    def __init__(
        self, transform: FeatureTransform, store: FeatureStore, device: torch.device
    ) -> None:
        self._transform, self._store, self._device = transform.to(device), store, device
        self._onset_row = torch.from_numpy(store.onset_row)

    def __call__(self, rows: Tensor) -> Tensor:
        """Give frames (F, C) of strictly increasing rows (F,)."""
        onset = None
        if self._transform.difference:
            first, at = torch.unique_consecutive(self._onset_row[rows], return_inverse=True)
            onset = self._read(first)[at.to(self._device)]
        return self._transform(self._read(rows), onset)

    def _read(self, rows: Tensor) -> Tensor:
        return self._store.read(rows.numpy()).flatten(1).to(self._device).float()


class RetrainedFrames:
    """Blocks are retrained: maps are read from the store and pass through them at each call.

    Only the chunk in work keeps its activations; the backward pass computes the others again
    (gradient checkpointing), so a batch costs its maps and the activations of one chunk.

    Parameters
    ----------
    transform : FeatureTransform
        Statistics of the training clips.
    store : FeatureStore
        Maps of the cut.
    fine-tuned blocks : Trunk
        On `device`.
    device : torch.device
        Where the frames go.
    """

    def __init__(
        self,
        transform: FeatureTransform,
        store: FeatureStore,
        fine_tuned: FineTunedBlocks,
        device: torch.device,
    ) -> None:
        self._transform = transform.to(device)
        self._store, self._fine_tuned, self._device = store, fine_tuned, device
        self._onset_row = torch.from_numpy(store.onset_row)

    def __call__(self, rows: Tensor) -> Tensor:
        """Give frames (F, C) of strictly increasing rows (F,)."""
        onset = self._onset_row[rows]
        needed = torch.cat([rows, onset]).unique() if self._transform.difference else rows
        chunks = needed.split(CHUNK_FRAMES)
        pooled = torch.cat([self._pool(chunk, again=len(chunks) > 1) for chunk in chunks])
        at = torch.searchsorted(needed, torch.stack([rows, onset])).to(self._device)
        return self._transform(pooled[at[0]], pooled[at[1]] if self._transform.difference else None)

    def _pool(self, rows: Tensor, *, again: bool) -> Tensor:
        maps = self._store.read(rows.numpy()).to(self._device)
        if again and torch.is_grad_enabled():
            return checkpoint(self._fine_tuned, maps, use_reentrant=False)
        return self._fine_tuned(maps)


def pooled_frames(
    store: FeatureStore, fine_tuned: FineTunedBlocks | None, clip: int, device: str = "cpu"
) -> Iterator[Tensor]:
    """Pool the frames of a clip: the cache itself, or what untrained blocks give.

    Parameters
    ----------
    store : FeatureStore
        Pooled features (C, 1, 1), or maps where `fine-tuned blocks` is given.
    fine-tuned blocks : Trunk or None
        Blocks above the cut, on `device`.
    clip : int
        Which clip.
    device : str
        Where the fine-tuned blocks computes.

    Yields
    ------
    Tensor, shape (up to 32, C), float32
        Consecutive frames, on the CPU.

    Raises
    ------
    ConfigError
        When the store holds maps and no block is there to pool them.
    """
    if fine_tuned is None and store.shape[1:] != (1, 1):
        raise ConfigError(
            f"features.cut: the cache holds maps {store.shape}, which need the backbone to train"
        )
    if fine_tuned is not None:
        fine_tuned.eval()
    for rows in np.array_split(store.rows([clip]), -(-store.lengths[clip] // CHUNK_FRAMES)):
        maps = store.read(rows)
        with torch.no_grad():
            yield (
                maps.flatten(1).float() if fine_tuned is None else fine_tuned(maps.to(device)).cpu()
            )


def pooled_features(
    store: FeatureStore, fine_tuned: FineTunedBlocks | None, device: str = "cpu"
) -> PooledSums:
    """Sum the pooled frames of each clip; parameters and errors as :func:`pooled_frames`."""
    clips = (pooled_frames(store, fine_tuned, clip, device) for clip in range(len(store)))
    return PooledSums.of(clips, len(store))


def _sums(chunks: Iterable[Tensor]) -> tuple[int, Tensor]:
    """Frames and sums of a clip, (2, 2, C) as in `PooledSums`."""
    count, total, onset = 0, 0.0, None
    for pooled in chunks:
        values = pooled.double()
        onset = values[:1].clone() if onset is None else onset
        both = torch.stack([values, values - onset])
        total += torch.stack([both.sum(1), both.square_().sum(1)], dim=1)
        count += len(values)
    return count, total
