"""Pictures of a clip: original and magnified frames side by side, and slices through time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, Self

import av
import cv2
import numpy as np

from microexpr.errors import ConfigError
from microexpr.video.frame import NEUTRAL, RANGES, Colour, Frame

NARROW_PX = 256  # slices of short clips are stretched to about this width
GAP_PX = 4
BLACK, WHITE = 16, 235  # luma codes that are black and white in every range
FONT = cv2.FONT_HERSHEY_SIMPLEX
TEXT = 0.4
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 40, 36, 20, 26  # around a picture with axes
TITLE_PX = 150


def beside(left: Frame, right: Frame) -> Frame:
    """Join two frames of one size: twice the width (plus 2 px where the width is odd)."""
    odd = ((0, 0), (0, left.luma.shape[1] % 2))  # or the right one's chroma would be half a px off
    luma = [np.pad(frame.luma8(), odd, mode="edge") for frame in (left, right)]
    chroma = np.concatenate([left.chroma, right.chroma], axis=2)
    return replace(right, luma=np.concatenate(luma, axis=1), chroma=chroma, bits=8)


def labelled(frame: Frame, text: str) -> Frame:
    """Write white text with a black edge into the upper left corner of a frame."""
    luma, chroma = frame.luma8().copy(), frame.chroma.copy()
    ink = _written(np.zeros(luma.shape, np.uint8), text, (6, 6), max(0.5, luma.shape[0] / 700))
    edge = cv2.dilate(ink, np.ones((5, 5), np.uint8))
    luma[edge > 0], luma[ink > 100] = BLACK, WHITE
    chroma[:, edge[::2, ::2] > 0] = NEUTRAL
    return replace(frame, luma=luma, chroma=chroma, bits=8)


def _written(image: np.ndarray, text: str, corner: tuple[int, int], size: float) -> np.ndarray:
    """Write text of a size into an image, below and right of a corner (x, y)."""
    weight, ink = max(1, round(1.5 * size)), (0, 0, 0) if image.ndim == 3 else (255,)
    (_, height), _ = cv2.getTextSize(text, FONT, size, weight)
    x, y = corner
    return cv2.putText(image, text, (x, y + height), FONT, size, ink, weight, cv2.LINE_AA)


class Scale(NamedTuple):
    """An axis: its length in a unit, such as 34 frames or 0.34 s."""

    length: float
    unit: str

    def ticks(self, n_px: int) -> list[tuple[int, str]]:
        """Return where numbers stand along `n_px`, about five, and what they say."""
        step = 10 ** np.floor(np.log10(self.length / 5))
        step *= next(factor for factor in (1, 2, 5, 10) if self.length / (factor * step) <= 6)
        values = np.arange(0, self.length * (1 + 1e-9), step)
        return [(round(v / self.length * (n_px - 1)), f"{round(v, 6):g}") for v in values]


def with_axes(panel: np.ndarray, title: str, across: Scale, down: Scale) -> np.ndarray:
    """Return a picture (y, x, 3) on white, with a title and axes that have numbers and units."""
    height, width = panel.shape[:2]
    shape = (height + TOP_PX + BOTTOM_PX, max(width, TITLE_PX) + LEFT_PX + RIGHT_PX, 3)
    paper = np.full(shape, 255, np.uint8)
    paper[TOP_PX : TOP_PX + height, LEFT_PX : LEFT_PX + width] = panel
    _written(paper, title, (LEFT_PX, 4), TEXT)
    _written(paper, down.unit, (4, 4), TEXT)
    _written(paper, across.unit, (LEFT_PX + width + 18, TOP_PX + height + 8), TEXT)
    for y, text in down.ticks(height):
        paper[TOP_PX + y, LEFT_PX - 5 : LEFT_PX] = 0
        _written(paper, text, (4, TOP_PX + max(0, y - 4)), TEXT)
    for x, text in across.ticks(width):
        paper[TOP_PX + height : TOP_PX + height + 5, LEFT_PX + x] = 0
        _written(paper, text, (LEFT_PX + x - 4, TOP_PX + height + 8), TEXT)
    return paper


class Line(NamedTuple):
    """A column (``x``) or a row (``y``) of the frame, px."""

    axis: Literal["x", "y"]
    at: int

    @classmethod
    def of(cls, text: str | None, height: int, width: int) -> Self:
        """Read ``x=120`` or ``y=80``, by default the middle column; ConfigError if that fails."""
        if text is None:
            return cls("x", width // 2)
        axis, _, number = text.partition("=")
        if axis not in ("x", "y") or not number.isdecimal():
            raise ConfigError(f"--xt-at {text}: give a column as x=120 or a row as y=80")
        if int(number) >= (width if axis == "x" else height):
            raise ConfigError(f"--xt-at {text}: the frame is {width}x{height} px")
        return cls("x" if axis == "x" else "y", int(number))


class SlicePicture:
    """One line of each frame, side by side: motion becomes a shape.

    Time runs to the right for a column, downwards for a row. With `titles`, axes are drawn too.
    """

    def __init__(
        self, line: Line, colour: Colour, *, titles: Sequence[str] = (), fps: float = 1.0
    ) -> None:
        self._line, self._colour, self._titles, self._fps = line, colour, titles, fps
        self._lines: list[list[np.ndarray]] = []

    def add(self, frames: Sequence[Frame]) -> None:
        """Take the line of the original and of each magnified frame."""
        self._lines.append([self._codes(frame) for frame in frames])

    def _codes(self, frame: Frame) -> np.ndarray:
        """Return the codes of the line, (3, length)."""
        across, at = int(self._line.axis == "x"), self._line.at
        luma, chroma = frame.luma8().take(at, across), frame.chroma.take(at // 2, across + 1)
        return np.stack([luma, *chroma.repeat(2, axis=1)[:, : len(luma)]])

    def render(self) -> np.ndarray:
        """Return the picture, (y, x, 3) uint8 RGB."""
        stretch = max(1, round(NARROW_PX / len(self._lines)))
        time, panels = Scale(len(self._lines) / self._fps, "s"), list[np.ndarray]()
        for number, panel in enumerate(zip(*self._lines, strict=True)):
            codes = np.stack(panel, axis=2).repeat(stretch, axis=2)
            coded = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), format="yuv444p")
            coded.colorspace = self._colour.matrix
            coded.color_range = int(RANGES[self._colour.full_range])
            picture, across = coded.to_ndarray(format="rgb24"), time
            down = Scale(len(picture), "px")
            if self._line.axis == "y":
                picture, across, down = picture.transpose(1, 0, 2), down, across
            if self._titles:
                picture = with_axes(picture, self._titles[number], across, down)
            panels.append(picture)
        if self._titles:
            return np.concatenate(panels, axis=1)
        axis = int(self._line.axis == "x")
        gap = np.full_like(panels[0].take(range(GAP_PX), axis), 255)
        row = [part for panel in panels for part in (gap, panel)]
        return np.concatenate(row[1:], axis)
