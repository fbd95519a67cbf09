"""The spatial half of amplitude-based magnification: which planes are filtered, what is added."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.blocks import blocks, fresh
from microexpr.magnify.clip import Progress, check_mask, luma
from microexpr.magnify.laplacian import fitting_levels, level_weights, weighted_sum
from microexpr.magnify.operator import ClipFilter

BLOCK_VALUES = 1 << 19  # filtered frames go through the pyramid in blocks of this size


class AmplitudeMagnifier:
    """Laplacian pyramid, colours and mask for frames of one size.

    Parameters
    ----------
    height_px, width_px : int
        Of the frames.
    levels, lambda_c_px, level_gains, chroma_gain, mask
        As in :func:`microexpr.magnify.amm`.
    """

    def __init__(
        self,
        height_px: int,
        width_px: int,
        *,
        levels: int = 6,
        lambda_c_px: float = 16.0,
        level_gains: Sequence[float] | None = None,
        chroma_gain: float = 0.0,
        mask: torch.Tensor | None = None,
    ) -> None:
        if levels < 1:
            raise ConfigError(f"magnify.amm.levels: {levels} must be at least 1")
        if not lambda_c_px >= 0:
            raise ConfigError(f"magnify.amm.lambda_c_px: {lambda_c_px:g} must be 0 or more")
        self.size = (height_px, width_px)
        self.levels = fitting_levels(height_px, width_px, levels)
        if level_gains is not None and len(level_gains) != self.levels + 1:
            raise ConfigError(
                f"level_gains: {len(level_gains)} values for {self.levels} levels and the low-pass "
                "residual"
            )
        check_mask(mask, height_px, width_px)
        self.lambda_c_px, self.level_gains = lambda_c_px, level_gains
        self.chroma_gain, self.mask = chroma_gain, mask

    def weights(self, alpha: float) -> list[float]:
        """Share of alpha for each level, finest first, and for the low-pass residual."""
        if self.level_gains is not None:
            return [float(gain) for gain in self.level_gains]
        return [*level_weights(self.levels, alpha=alpha, lambda_c_px=self.lambda_c_px), 0.0]

    def planes(self, clip: torch.Tensor) -> torch.Tensor:
        """What is filtered, (T, n): the luma, or red, green, blue with less chroma."""
        if clip.ndim == 3 or self.chroma_gain == 0:
            return luma(clip).reshape(len(clip), -1)
        mixed = torch.lerp(luma(clip)[..., None], clip, self.chroma_gain)
        return mixed.movedim(-1, 1).reshape(len(clip), -1)

    def magnified(
        self,
        base: torch.Tensor,
        maps: torch.Tensor,
        operator: ClipFilter,
        gains: Sequence[Sequence[float]],
        progress: Progress | None = None,
    ) -> list[torch.Tensor]:
        """``base + S(M planes)`` for each set of levels' gains.

        `maps` are the operator's of the planes; S runs on them where they are few. Frames go
        through in blocks, all sets of gains at a time.
        """
        results = [fresh(base.shape, base) for _ in gains]
        few = [self._spatial(maps, levels) for levels in gains] if operator.low_rank else []
        for rows in blocks(len(base), max(1, BLOCK_VALUES // maps.shape[1])):
            start, outs = base[rows], [result[rows] for result in results]
            if not operator.low_rank:
                filtered = operator.matrix[rows] @ maps
                for levels, out in zip(gains, outs, strict=True):
                    self._add(start, self._spatial(filtered, levels), out)
            elif base.ndim == 3:
                for summed, out in zip(few, outs, strict=True):
                    left = operator.left[rows]
                    torch.addmm(start.flatten(1), left, summed, out=out.view(len(left), -1))
            else:
                for summed, out in zip(few, outs, strict=True):
                    self._add(start, operator.left[rows] @ summed, out)
            if progress:
                progress(rows.stop / len(base))
        return results

    def add(
        self, base: torch.Tensor, filtered: torch.Tensor, gains: Sequence[float]
    ) -> torch.Tensor:
        """``base + S(filtered)`` for planes that are filtered already."""
        return self._add(base, self._spatial(filtered, gains), fresh(base.shape, base))

    def _spatial(self, maps: torch.Tensor, gains: Sequence[float]) -> torch.Tensor:
        summed = weighted_sum(maps.view(-1, *self.size), gains)
        if self.mask is not None:
            summed *= self.mask.to(summed)
        return summed.view(maps.shape)

    def _add(self, base: torch.Tensor, change: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        if base.ndim == 3:
            change = change.view(base.shape)
        elif change.numel() == base.numel():
            change = change.view(len(base), 3, *self.size).movedim(1, -1)
        else:
            change = change.view(len(base), *self.size, 1)
        return torch.add(base, change, out=out)
