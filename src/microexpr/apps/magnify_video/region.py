"""The part of a frame that is magnified, and how it is put back."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from microexpr.errors import ConfigError
from microexpr.video.frame import Frame

MARGIN_PX = 32  # context around the region, so that its border is not the border of the transform
FEATHER_PX = 8  # least; inside the region's border the effect fades in
FEATHER = 1 / 6  # of the region's sides
SMALLEST_PX = 16
Roi = tuple[int, int, int, int]


@dataclass(frozen=True)
class Region:
    """The part of a frame that is magnified, `roi` (x, y, width, height, px), and computed.

    `weight` and `rim` are float32 of the window's shape, None for the whole frame.
    """

    window: tuple[slice, slice]  # rows and columns with the margin, from even to even pixels
    weight: np.ndarray | None = None  # share of the effect, 0 to 1
    rim: np.ndarray | None = None  # of the result, beside the original
    roi: Roi | None = None
    transforms: np.ndarray | None = None  # from pixels of the first frame to those of frame t

    @classmethod
    def of(cls, roi: Roi | None, height: int, width: int, *, masked: bool) -> Self:
        """Return the region in a frame of this size; ConfigError unless it fits.

        `masked`, motion itself grows towards the middle: pictures are mixed at the very rim only.
        """
        if roi is None:
            return cls((slice(0, height), slice(0, width)))
        x, y, wide, high = roi
        if min(wide, high) < SMALLEST_PX:
            raise ConfigError(f"--roi: {wide}x{high} px is too small, {SMALLEST_PX} px is least")
        if x < 0 or y < 0 or x + wide > width or y + high > height:
            raise ConfigError(
                f"--roi: {wide}x{high} px at ({x}, {y}) leaves the frame of {width}x{height} px"
            )
        rows, columns = _with_margin(y, high, height), _with_margin(x, wide, width)
        weight = np.outer(_fade(rows, y, high, height), _fade(columns, x, wide, width))
        rim = weight**0.25 if masked else weight
        return cls((rows, columns), weight.astype(np.float32), rim.astype(np.float32), roi)

    @property
    def half_window(self) -> tuple[slice, slice]:
        """The window in chroma pixels."""
        rows, columns = (slice(s.start // 2, (s.stop + 1) // 2) for s in self.window)
        return rows, columns

    @property
    def full(self) -> Roi | None:
        """x, y, width, height of where the effect is complete, px; None: everywhere."""
        if self.roi is None:
            return None
        x, y, wide, high = self.roi
        across, down = _feather(wide), _feather(high)
        return x + across, y + down, wide - 2 * across, high - 2 * down

    @property
    def inner(self) -> tuple[slice, slice]:
        """Rows and columns of the window where the effect is complete."""
        if self.full is None:
            return slice(None), slice(None)
        (rows, columns), (x, y, wide, high) = self.window, self.full
        down, across = y - rows.start, x - columns.start
        return slice(down, down + high), slice(across, across + wide)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the window, px."""
        rows, columns = self.window
        return rows.stop - rows.start, columns.stop - columns.start

    def luma(self, frame: Frame, index: int) -> np.ndarray:
        """Return the luma of the window in frame `index`, float32, where it was in the first."""
        if self.transforms is None:
            return frame.values(self.window)
        return _warped(frame.values(), self._to_frame(index), self.shape)

    def followed(self, frame: Frame, index: int) -> np.ndarray:
        """Return the whole luma of frame `index`, uint8, with the face where it was at first."""
        luma = frame.luma8()
        if self.transforms is None:
            return luma
        return _warped(luma, self.transforms[index], luma.shape)

    def changed(self, frame: Frame, index: int, luma: np.ndarray) -> np.ndarray:
        """Return the luma codes (H, W) of 8 bits of a frame whose window became `luma`."""
        still = self.luma(frame, index)
        blended = self.blend(still, luma)
        if self.transforms is None:
            codes = frame.luma8().copy()
            codes[self.window] = codes_of(blended)
            return codes
        # Only the change goes through the transform back: what does not move stays as it was.
        moved = _warped(blended - still, self._to_frame(index), frame.luma.shape, back=False)
        return codes_of(frame.values() + moved)

    def blend(self, still: np.ndarray, changed: np.ndarray, *, half: bool = False) -> np.ndarray:
        """Mix changed values (h, w) of the window into those of the original."""
        if self.rim is None:
            return changed
        return still + (self.rim[::2, ::2] if half else self.rim) * (changed - still)

    def _to_frame(self, index: int) -> np.ndarray:
        """Return the transform from pixels of the window to those of frame `index`."""
        assert self.transforms is not None
        rows, columns = self.window
        matrix: np.ndarray = self.transforms[index].copy()
        matrix[:, 2] += matrix[:, :2] @ (columns.start, rows.start)
        return matrix


def _warped(
    image: np.ndarray, matrix: np.ndarray, shape: tuple[int, ...], *, back: bool = True
) -> np.ndarray:
    """Return an image of this shape; what is warped `back` has no border."""
    flags = cv2.INTER_LANCZOS4 | (cv2.WARP_INVERSE_MAP if back else 0)
    border = cv2.BORDER_REPLICATE if back else cv2.BORDER_CONSTANT
    return cv2.warpAffine(image, matrix, shape[::-1], flags=flags, borderMode=border)


def _with_margin(start: int, length: int, limit: int) -> slice:
    first = max(0, start - MARGIN_PX) // 2 * 2
    last = min(limit, start + length + MARGIN_PX)
    return slice(first, min(limit, last + last % 2))


def _feather(length: int) -> int:
    return min(max(FEATHER_PX, round(FEATHER * length)), length // 4)


def _fade(window: slice, start: int, length: int, limit: int) -> np.ndarray:
    """Return a raised cosine: 0 outside the region, 1 inside; no fade at the frame's border."""
    feather = _feather(length)
    position = np.arange(window.start, window.stop) + 0.5
    into = (position - start) / feather if start > 0 else 1.0
    out = (start + length - position) / feather if start + length < limit else 1.0
    share = np.clip(np.minimum(into, out), 0, 1) * np.ones(len(position))
    return 0.5 - 0.5 * np.cos(np.pi * share)


def codes_of(values: np.ndarray) -> np.ndarray:
    """Return 8-bit codes of values that are codes over 255; clipped here."""
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
