"""Feature modes: how pooled features of frames enter the embedding, and where they come from.

``onset_difference`` subtracts the pooled features of the clip's first frame: identity and lighting
go, motion stays. Fine-tuned blocks know faces, not differences: that frame passes them too.
"""

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from microexpr.backbones.base import Backbone
from microexpr.errors import ConfigError
from microexpr.training.store import FeatureStore

FrameSource = Callable[[Tensor], Tensor]  # rows (F,) to frames (F, C), as `Frames`
FRAMES_AT_ONCE = 32  # through the fine-tuned blocks
FLOOR = 1e-3  # of the mean standard deviation: channels that hardly move are not amplified


class FineTunedBlocks(nn.Module):
    """Copy of a backbone, trained above `cut`: maps to pooled features, fixed statistics."""

    def __init__(self, backbone: Backbone, cut: int) -> None:
        super().__init__()
        self.cut = cut
        self.backbone = copy.deepcopy(backbone).requires_grad_(False)
        for parameter in self.backbone.retrained_parameters(cut):
            parameter.requires_grad_(True)

    def tuned_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters of the blocks above the cut, by name: all that training changes."""
        return {k: p for k, p in self.backbone.named_parameters() if p.requires_grad}

    def digest(self) -> str:
        """Return a checksum of the cut and of all weights."""
        digest = hashlib.sha256(f"{self.cut}\n".encode())
        for name, tensor in self.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    @torch.no_grad()
    def restore(self, tuned: dict[str, Tensor]) -> None:
        """Copy values of :meth:`tuned_parameters` into the blocks."""
        for name, parameter in self.tuned_parameters().items():
            parameter.copy_(tuned[name])

    def forward(self, maps: Tensor) -> Tensor:
        """Take maps (F, C, h, w), float16 or float32, to pooled features (F, C'), float32."""
        return self.backbone.back(maps, self.cut)


@dataclass(frozen=True)
class PooledSums:
    """Sums over the frames of each clip, from which the statistics of any set of clips follow."""

    counts: Tensor  # (clips,) int64: frames of each clip
    sums: Tensor  # (clips, 2, 2, C) float64: raw or difference, values or squares

    @classmethod
    def of(cls, clips: Iterable[Iterable[Tensor]], n_clips: int) -> "PooledSums":
        """Sum the consecutive frames, (F, C) per tensor, of each clip."""
        counts, sums = torch.zeros(n_clips, dtype=torch.int64), torch.empty(0)
        for clip, frames in enumerate(clips):
            total, onset = torch.zeros((), dtype=torch.float64), None
            for pooled in frames:
                values = pooled.double()
                onset = values[:1].clone() if onset is None else onset
                both = torch.stack([values, values - onset])
                total = total + torch.stack([both.sum(1), both.square_().sum(1)], dim=1)
                counts[clip] += len(values)
            if clip == 0:  # at once: sums between the frames of later clips would scatter memory
                sums = total.new_empty((n_clips, *total.shape))
            sums[clip] = total
        return cls(counts, sums)

    def statistics(self, clips: Sequence[int], *, difference: bool) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation over all frames of some clips, (C,) float32 each."""
        chosen = torch.as_tensor(clips)
        total, squares = self.sums[chosen, int(difference)].sum(0) / self.counts[chosen].sum()
        return total.float(), (squares - total.square()).clamp_(min=0).sqrt().float()


@dataclass(frozen=True)
class FeatureTransform:
    """A fixed map of pooled features: ``(x - shift) / scale``, both (C,) float32.

    With `difference`, the features of the clip's first frame are subtracted instead of `shift`.
    """

    difference: bool
    shift: Tensor
    scale: Tensor

    @classmethod
    def fit(
        cls, feature_mode: str, pooled: PooledSums, clips: Sequence[int], *, standardise: bool
    ) -> "FeatureTransform":
        """Measure shift and scale on training clips, before blocks are fine-tuned.

        ``raw`` features are shifted by the mean. A difference is not: its zero means no motion.
        """
        difference = feature_mode == "onset_difference"
        mean, sd = pooled.statistics(clips, difference=difference)
        if not standardise:
            return cls(difference, torch.zeros_like(mean), torch.ones_like(sd))
        shift = torch.zeros_like(mean) if difference else mean
        return cls(difference, shift, sd + FLOOR * sd.mean() + 1e-6)

    def __call__(self, pooled: Tensor, onset: Tensor | None) -> Tensor:
        """Transform frames (F, C) float32; `difference` needs `onset`, their first frames."""
        reference = onset if self.difference else self.shift
        if reference is None:
            raise ValueError("onset_difference needs the first frame of each clip")
        return (pooled - reference) / self.scale


class Frames:
    """Transformed frames of a store; maps pass through the fine-tuned blocks at each call.

    Only `FRAMES_AT_ONCE` keep their activations; the backward pass computes the others again.
    """

    def __init__(
        self,
        transform: FeatureTransform,
        store: FeatureStore,
        fine_tuned: FineTunedBlocks | None,
        device: torch.device,
    ) -> None:
        shift, scale = transform.shift.to(device), transform.scale.to(device)
        self._transform = FeatureTransform(transform.difference, shift, scale)
        self._store, self._fine_tuned, self._device = store, fine_tuned, device
        self._onset_row = torch.from_numpy(store.onset_row)

    def __call__(self, rows: Tensor) -> Tensor:
        """Return the frames, (F, C) float32, of strictly increasing rows, (F,) int64."""
        if not self._transform.difference:
            return self._transform(self._pooled(rows), None)
        onset = self._onset_row[rows]
        if self._fine_tuned is None:
            first, at = torch.unique_consecutive(onset, return_inverse=True)
            return self._transform(self._pooled(rows), self._pooled(first)[at.to(self._device)])
        needed = torch.cat([rows, onset]).unique()
        pooled = self._pooled(needed)
        at = torch.searchsorted(needed, torch.stack([rows, onset])).to(self._device)
        return self._transform(pooled[at[0]], pooled[at[1]])

    def _pooled(self, rows: Tensor) -> Tensor:
        if self._fine_tuned is None:
            return self._store.read(rows.numpy()).flatten(1).to(self._device).float()
        parts = rows.split(FRAMES_AT_ONCE)
        blocks: Callable[[Tensor], Tensor] = self._fine_tuned
        if len(parts) > 1 and torch.is_grad_enabled():
            blocks = partial(checkpoint, self._fine_tuned, use_reentrant=False)
        return torch.cat([blocks(self._store.read(p.numpy()).to(self._device)) for p in parts])


def pooled_frames(
    store: FeatureStore, fine_tuned: FineTunedBlocks | None, clip: int, device: str = "cpu"
) -> Iterator[Tensor]:
    """Yield a clip's pooled features, (up to 32, C) float32 each: cached, or of the blocks."""
    if fine_tuned is None and store.shape[1:] != (1, 1):
        raise ConfigError(
            f"features.cut: the cache holds maps {store.shape}, which need the backbone to train"
        )
    if fine_tuned is not None:
        fine_tuned.eval()
    for rows in np.array_split(store.rows([clip]), -(-store.lengths[clip] // FRAMES_AT_ONCE)):
        maps = store.read(rows)
        with torch.no_grad():
            yield maps.flatten(1).float() if not fine_tuned else fine_tuned(maps.to(device)).cpu()


def pooled_sums(
    store: FeatureStore, fine_tuned: FineTunedBlocks | None, device: str = "cpu"
) -> PooledSums:
    """Sum the pooled features of each clip, see :func:`pooled_frames`."""
    clips = (pooled_frames(store, fine_tuned, clip, device) for clip in range(len(store)))
    return PooledSums.of(clips, len(store))
