"""Amplitude-based (linear, Eulerian) motion magnification, Wu et al. 2012.

``out = x + alpha * S(M x)`` with M the temporal filter and S the weighted sum of a Laplacian
pyramid's levels. Both are linear and act on different axes, so they commute: with ``M = L R`` of
rank r, S runs on the r components ``R x`` instead of on T frames.

The convention of alpha: a motion inside the passband comes out ``1 + alpha`` times as large. The
results published with the reference implementation of 2012 pass only half of the spectrum through
their ideal filter; their alpha is twice the one here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
import torch

from microexpr.errors import ConfigError, DataError
from microexpr.magnify.clip import Progress, check_alphas, check_clip, luma
from microexpr.magnify.laplacian import fitting_levels, level_weights, weighted_sum
from microexpr.magnify.temporal import (
    Boundary,
    Matrix,
    TemporalFilter,
    filter_matrix,
    low_rank,
)

BLOCK_VALUES = 1 << 20  # full-rank filters go through the pyramid in blocks of this size


@overload
def amm(clip: torch.Tensor, *, alpha: float, **options: object) -> torch.Tensor: ...
@overload
def amm(clip: torch.Tensor, *, alpha: Sequence[float], **options: object) -> list[torch.Tensor]: ...
@torch.no_grad()
def amm(
    clip: torch.Tensor,
    *,
    fps: float,
    passband_hz: tuple[float, float],
    alpha: float | Sequence[float],
    temporal_filter: TemporalFilter = "butterworth",
    order: int = 1,
    reference_frame: int = 0,
    boundary: Boundary | None = None,
    anchored: bool = True,
    levels: int = 6,
    lambda_c_px: float = 16.0,
    level_gains: Sequence[float] | None = None,
    chroma_gain: float = 0.0,
    mask: torch.Tensor | None = None,
    progress: Progress | None = None,
) -> torch.Tensor | list[torch.Tensor]:
    """Magnify small motions by amplifying brightness changes.

    Parameters
    ----------
    clip : Tensor, float32 or float64, shape (T, H, W) or (T, H, W, 3)
        Grey or RGB frames in 0..1, on any device.
    fps, passband_hz, temporal_filter, order, reference_frame, boundary, anchored
        The temporal filter, see :func:`microexpr.magnify.temporal.filter_matrix`.
    alpha : float or sequence of float
        Amplification, 0 or more: motions become ``1 + alpha`` times as large. A sequence gives a
        list of results from one analysis.
    levels : int
        Band-pass levels of the Laplacian pyramid; at most as many as fit the frames.
    lambda_c_px : float
        Shortest wavelength that gets all of alpha, px; 0 gives all wavelengths all of it. See
        :func:`microexpr.magnify.laplacian.level_weights` (Wu et al. 2012, eq. 14).
    level_gains : sequence of float, optional
        Share of alpha for each level, finest first, then for the low-pass residual: levels + 1
        values that replace those of `lambda_c_px`. ``[0] * levels + [1]`` magnifies the colour or
        brightness of a Gaussian pyramid's level.
    chroma_gain : float
        Share of alpha for the chroma (I and Q of YIQ); 0 passes chroma through.
    mask : Tensor, shape (H, W), optional
        Factor on what is added, for instance 1 in a region of interest and 0 elsewhere.
    progress : callable, optional
        Called with the share of the work done, 0..1.

    Returns
    -------
    Tensor, or list of Tensor
        Shape, dtype and device of `clip`. Not clamped: values may leave 0..1.

    Raises
    ------
    ConfigError, DataError
        Impossible options and unusable clips, with the numbers.
    """
    check_clip(clip)
    alphas = check_alphas(alpha)
    matrix = filter_matrix(
        clip.shape[0],
        fps=fps,
        passband_hz=tuple(passband_hz),
        temporal_filter=temporal_filter,
        order=order,
        reference_frame=reference_frame,
        boundary=boundary,
        anchored=anchored,
    )
    levels = fitting_levels(*clip.shape[1:3], levels)
    weights = [
        _weights(levels, alpha=a, lambda_c_px=lambda_c_px, level_gains=level_gains) for a in alphas
    ]
    changes = _Changes(clip, matrix, chroma_gain=chroma_gain, mask=mask)
    results = []
    for done, (factor, weight) in enumerate(zip(alphas, weights, strict=True), 1):
        results.append(changes.added_to(clip, weight, factor))
        if progress:
            progress(done / len(alphas))
    return results if isinstance(alpha, Sequence) else results[0]


@torch.no_grad()
def filter_only(
    clip: torch.Tensor,
    *,
    fps: float,
    passband_hz: tuple[float, float],
    temporal_filter: TemporalFilter = "butterworth",
    order: int = 1,
    reference_frame: int = 0,
    boundary: Boundary | None = None,
    anchored: bool = True,
    levels: int = 6,
    lambda_c_px: float = 16.0,
    level_gains: Sequence[float] | None = None,
    chroma_gain: float = 0.0,
    weights_alpha: float = 10.0,
) -> torch.Tensor:
    """The control arm: the filtering of :func:`amm` without its gain.

    Every frame is the reference frame plus the deviation that `amm` would add, divided by alpha:
    ``out[t] = x[reference_frame] + S(M x)[t]``. Whatever recognition gains over the untouched clip
    is due to the temporal and spatial filtering (less noise), not to magnification. Chroma is that
    of the reference frame, plus `chroma_gain` times its filtered deviation.

    Parameters
    ----------
    clip, fps, passband_hz, temporal_filter, order, reference_frame, boundary, anchored, levels, \
lambda_c_px, level_gains, chroma_gain
        As in :func:`amm`.
    weights_alpha : float
        The alpha whose spatial weights are used. It has no effect where `lambda_c_px` is 0 or
        `level_gains` is given; otherwise the levels that `lambda_c_px` attenuates depend on it.

    Returns
    -------
    Tensor
        Shape, dtype and device of `clip`. Not clamped.

    Raises
    ------
    ConfigError, DataError
        As in :func:`amm`.
    """
    check_clip(clip)
    (factor,) = check_alphas(weights_alpha)
    matrix = filter_matrix(
        clip.shape[0],
        fps=fps,
        passband_hz=tuple(passband_hz),
        temporal_filter=temporal_filter,
        order=order,
        reference_frame=reference_frame,
        boundary=boundary,
        anchored=anchored,
    )
    levels = fitting_levels(*clip.shape[1:3], levels)
    weights = _weights(levels, alpha=factor, lambda_c_px=lambda_c_px, level_gains=level_gains)
    still = clip[reference_frame].expand_as(clip)
    return _Changes(clip, matrix, chroma_gain=chroma_gain).added_to(still, weights, 1.0)


class _Changes:
    """The temporally filtered clip, ready for any spatial weights."""

    def __init__(
        self,
        clip: torch.Tensor,
        matrix: Matrix,
        *,
        chroma_gain: float,
        mask: torch.Tensor | None = None,
    ) -> None:
        if mask is not None and mask.shape != clip.shape[1:3]:
            raise DataError(
                f"the mask has the shape {tuple(mask.shape)}, the frames {tuple(clip.shape[1:3])}"
            )
        n_frames, height, width = clip.shape[:3]
        if clip.ndim == 3:
            planes = clip
        elif chroma_gain == 0:
            planes = luma(clip)
        else:  # r, g, b with their chroma part weighted: one filtering does luma and chroma
            planes = torch.lerp(luma(clip)[..., None], clip, chroma_gain).movedim(-1, 1)
        self.per_frame = planes.shape[1:]
        self.planes = planes.reshape(n_frames, -1)
        self.grid = (-1, height, width)
        self.mask = None if mask is None else mask.to(clip)
        left, right = low_rank(matrix)
        self.left: torch.Tensor | None = None
        if 2 * left.shape[1] <= n_frames:
            self.left = _tensor(left, clip)
            self.components = _tensor(right, clip) @ self.planes
        else:
            self.matrix = _tensor(matrix, clip)

    def added_to(self, base: torch.Tensor, weights: list[float], factor: float) -> torch.Tensor:
        """``base + factor * S(M x)``, S the pyramid with these weights."""
        n_frames = base.shape[0]
        if self.left is not None:
            summed = self._spatial(self.components, weights)
            if base.ndim == 3:
                start = base.reshape(n_frames, -1)
                return torch.addmm(start, self.left, summed, alpha=factor).view(base.shape)
            return self._coloured(base, (self.left @ summed).mul_(factor))
        result = torch.empty_like(base, memory_format=torch.contiguous_format)
        block = max(1, BLOCK_VALUES // self.planes.shape[1])
        for start in range(0, n_frames, block):
            rows = slice(start, start + block)
            change = self._spatial(self.matrix[rows] @ self.planes, weights).mul_(factor)
            result[rows] = self._coloured(base[rows], change)
        return result

    def _spatial(self, maps: torch.Tensor, weights: list[float]) -> torch.Tensor:
        summed = weighted_sum(maps.view(self.grid), weights)
        if self.mask is not None:
            summed *= self.mask
        return summed.view(maps.shape)

    def _coloured(self, base: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        change = change.view(-1, *self.per_frame)
        if base.ndim == 3:
            return base + change
        return base + (change[..., None] if change.ndim == 3 else change.movedim(1, -1))


def _weights(
    levels: int, *, alpha: float, lambda_c_px: float, level_gains: Sequence[float] | None
) -> list[float]:
    """Weights of the levels and of the low-pass residual."""
    if level_gains is None:
        if lambda_c_px < 0:
            raise ConfigError(f"magnify.amm.lambda_c_px: {lambda_c_px:g} must be 0 or more")
        return [*level_weights(levels, alpha=alpha, lambda_c_px=lambda_c_px), 0.0]
    if len(level_gains) != levels + 1:
        raise ConfigError(
            f"level_gains: {len(level_gains)} values for {levels} levels and the low-pass residual"
        )
    return [float(gain) for gain in level_gains]


def _tensor(matrix: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(matrix.copy()).to(like)
