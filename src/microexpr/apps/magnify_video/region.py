"""A region of interest: only there is motion magnified, and only there is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microexpr.errors import ConfigError

MARGIN_PX = 32  # context around the region, so that its border is not the border of the transform
FEATHER_PX = 8  # inside the region's border the effect fades in
SMALLEST_PX = 16


@dataclass(frozen=True)
class Region:
    """The part of a frame that is magnified; `roi` is its x, y, width, height, px.

    `window`: rows and columns that are computed, the region and its margin, from even to even
    pixels. `weight`: share of the effect, float32 of the window's shape, 1 inside the region and 0
    outside. `weight` and `roi` are None for the whole frame.
    """

    window: tuple[slice, slice]
    weight: np.ndarray | None
    roi: tuple[int, int, int, int] | None

    @classmethod
    def of(cls, roi: tuple[int, int, int, int] | None, height: int, width: int) -> Region:
        """Return the region in a frame of this size; None: the whole frame.

        Raises
        ------
        ConfigError
            When it leaves the frame or is smaller than 16 px.
        """
        if roi is None:
            return cls((slice(0, height), slice(0, width)), None, None)
        x, y, wide, high = roi
        if min(wide, high) < SMALLEST_PX:
            raise ConfigError(f"--roi: {wide}x{high} px is too small, {SMALLEST_PX} px is least")
        if x < 0 or y < 0 or x + wide > width or y + high > height:
            raise ConfigError(
                f"--roi: {wide}x{high} px at ({x}, {y}) leaves the frame of {width}x{height} px"
            )
        rows, columns = _with_margin(y, high, height), _with_margin(x, wide, width)
        weight = np.outer(_fade(rows, y, high, height), _fade(columns, x, wide, width))
        return cls((rows, columns), weight.astype(np.float32), roi)

    @property
    def half_window(self) -> tuple[slice, slice]:
        """The window in chroma pixels."""
        rows, columns = (slice(s.start // 2, (s.stop + 1) // 2) for s in self.window)
        return rows, columns

    @property
    def full(self) -> tuple[int, int, int, int] | None:
        """x, y, width, height of where the effect is complete, px; None: everywhere."""
        if self.roi is None:
            return None
        x, y, wide, high = self.roi
        across, down = min(FEATHER_PX, wide // 4), min(FEATHER_PX, high // 4)
        return x + across, y + down, wide - 2 * across, high - 2 * down

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the window, px."""
        rows, columns = self.window
        return rows.stop - rows.start, columns.stop - columns.start

    def blend(self, still: np.ndarray, changed: np.ndarray, *, half: bool = False) -> np.ndarray:
        """Mix changed values (h, w) of the window into those of the original, by the weight."""
        if self.weight is None:
            return changed
        weight = self.weight[::2, ::2] if half else self.weight
        return still + weight * (changed - still)


def _with_margin(start: int, length: int, limit: int) -> slice:
    first = max(0, start - MARGIN_PX) // 2 * 2
    last = min(limit, start + length + MARGIN_PX)
    return slice(first, min(limit, last + last % 2))


def _fade(window: slice, start: int, length: int, limit: int) -> np.ndarray:
    """Return a raised cosine: 0 outside the region, 1 inside; no fade at the frame's border."""
    feather = min(FEATHER_PX, length // 4)
    position = np.arange(window.start, window.stop) + 0.5
    into = (position - start) / feather if start > 0 else np.ones(len(position))
    left = (start + length - position) / feather
    out = left if start + length < limit else np.ones(len(position))
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum(into, out), 0, 1))
