"""Pictures of a clip: original and magnified frames side by side, and slices through time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import av
import numpy as np

from microexpr.errors import ConfigError
from microexpr.video.frame import Colour, Frame

NARROW_PX = 256  # slices of short clips are stretched to about this width
GAP_PX = 4


def beside(left: Frame, right: Frame) -> Frame:
    """Join two frames of one size: twice the width (plus 2 px where the width is odd)."""
    odd = ((0, 0), (0, left.luma.shape[1] % 2))  # or the right one's chroma would be half a px off
    luma = [np.pad(frame.luma8(), odd, mode="edge") for frame in (left, right)]
    chroma = np.concatenate([left.chroma, right.chroma], axis=2)
    return replace(right, luma=np.concatenate(luma, axis=1), chroma=chroma, bits=8)


class Line(NamedTuple):
    """A column (``x``) or a row (``y``) of the frame, px."""

    axis: Literal["x", "y"]
    at: int

    @classmethod
    def of(cls, text: str | None, height: int, width: int) -> Line:
        """Read ``x=120`` or ``y=80``, by default the middle column; ConfigError if that fails."""
        if text is None:
            return cls("x", width // 2)
        axis, _, number = text.partition("=")
        if axis not in ("x", "y") or not number.isdecimal():
            raise ConfigError(f"--xt-at {text}: give a column as x=120 or a row as y=80")
        size = width if axis == "x" else height
        if int(number) >= size:
            raise ConfigError(f"--xt-at {text}: the frame is {width}x{height} px")
        return cls("x" if axis == "x" else "y", int(number))


class SlicePicture:
    """One line of each frame, side by side: motion becomes a shape.

    Time runs to the right for a column and downwards for a row. The original comes first, then each
    magnified version. `colour` is what the frames' codes mean.
    """

    def __init__(self, line: Line, colour: Colour) -> None:
        self._line, self._colour = line, colour
        self._lines: list[list[np.ndarray]] = []

    def add(self, frames: Sequence[Frame]) -> None:
        """Take the line of the original and of each magnified frame."""
        self._lines.append([self._codes(frame) for frame in frames])

    def _codes(self, frame: Frame) -> np.ndarray:
        """Return the codes of the line, (3, length)."""
        at, half = self._line.at, self._line.at // 2
        if self._line.axis == "x":
            luma, chroma = frame.luma8()[:, at], frame.chroma[:, :, half]
        else:
            luma, chroma = frame.luma8()[at], frame.chroma[:, half]
        return np.stack([luma, *chroma.repeat(2, axis=1)[:, : len(luma)]])

    def render(self) -> np.ndarray:
        """Return the picture, (y, x, 3) uint8 RGB."""
        stretch = max(1, round(NARROW_PX / len(self._lines)))
        row: list[np.ndarray] = []
        for panel in zip(*self._lines, strict=True):
            codes = np.stack(panel, axis=2).repeat(stretch, axis=2)
            coded = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), format="yuv444p")
            coded.colorspace = self._colour.matrix
            coded.color_range = int(self._colour.range_code)
            picture = coded.to_ndarray(format="rgb24")
            row += [np.full((len(picture), GAP_PX, 3), 255, np.uint8), picture]
        joined = np.concatenate(row[1:], axis=1)
        return joined if self._line.axis == "x" else joined.transpose(1, 0, 2)
