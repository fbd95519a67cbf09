"""The spatial half of amplitude-based magnification: which planes are filtered, what is added."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from microexpr.errors import ConfigError
from microexpr.magnify.clip import check_mask, luma
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

    def add_filtered(
        self,
        base: torch.Tensor,
        maps: torch.Tensor,
        operator: ClipFilter,
        gains: Sequence[float],
    ) -> torch.Tensor:
        """``base + S(M planes)`` with a gain for each level; `maps` are the operator's of planes.

        S runs on them where they are few.
        """
        if operator.low_rank:
            summed = self._spatial(maps, gains)
            if base.ndim == 3:
                start = base.reshape(len(base), -1)
                return torch.addmm(start, operator.left, summed).view(base.shape)
            return self._coloured(base, operator.left @ summed)
        result = torch.empty_like(base, memory_format=torch.contiguous_format)
        step = max(1, BLOCK_VALUES // maps.shape[1])
        for start in range(0, len(base), step):
            rows = slice(start, start + step)
            result[rows] = self.add(base[rows], operator.matrix[rows] @ maps, gains)
        return result

    def add(
        self, base: torch.Tensor, filtered: torch.Tensor, gains: Sequence[float]
    ) -> torch.Tensor:
        """``base + S(filtered)`` for planes that are filtered already."""
        return self._coloured(base, self._spatial(filtered, gains))

    def _spatial(self, maps: torch.Tensor, gains: Sequence[float]) -> torch.Tensor:
        summed = weighted_sum(maps.view(-1, *self.size), gains)
        if self.mask is not None:
            summed *= self.mask.to(summed)
        return summed.view(maps.shape)

    def _coloured(self, base: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        if base.ndim == 3:
            return base + change.view(base.shape)
        if change.numel() == base.numel():
            return base + change.view(len(base), 3, *self.size).movedim(1, -1)
        return base + change.view(len(base), *self.size, 1)
