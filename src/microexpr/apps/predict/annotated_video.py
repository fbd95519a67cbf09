"""The annotated video: each frame with its face and crop, and the probabilities below."""

import math
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from microexpr.apps.predict.pieces import Prediction
from microexpr.apps.predict.prediction_files import crop_corners
from microexpr.face.detection import Detection
from microexpr.video.frame import RGB_COLOUR, from_rgb
from microexpr.video.time_axis import FINE
from microexpr.video.writer import VideoWriter

SIDE_PX = 960  # longer frames are shrunk: they wait in memory for the prediction
LEAST_WIDTH_PX = 480  # of the text
LINE_PX, TEXT_PX = 22, 15
BAR_PX = 150  # where bars begin
UNKNOWN_FPS = 25.0
WHITE, GREY, DARK = (255, 255, 255), (150, 150, 150), (24, 24, 24)
CROP, FACE, NO_FACE, BAR = (0, 158, 115), (86, 180, 233), (230, 159, 0), (86, 180, 233)
FOOT = "recognition of a given clip, not spotting"


@dataclass(frozen=True)
class _Held:
    index: int
    time: float
    picture: np.ndarray
    scale: float
    face: Detection | None


class Annotator(AbstractContextManager["Annotator"]):
    """Writes one video; a frame of two pieces shows the one whose middle is nearer."""

    def __init__(self, path: Path, labels: Sequence[str], foot: str) -> None:
        self._path, self._labels, self._foot = path, labels, foot
        self._held: deque[_Held] = deque()
        self._writer: VideoWriter | None = None
        self._last: Prediction | None = None
        self._count, self._pts = 0, -1

    def hold(self, rgb: np.ndarray, time: float, face: Detection | None) -> None:
        """Take the next frame (y, x, 3) uint8."""
        scale = min(1.0, SIDE_PX / max(rgb.shape[:2]))
        picture = rgb
        if scale < 1:
            picture = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self._held.append(_Held(self._count, time, picture, scale, face))
        self._count += 1

    def draw(self, found: Prediction) -> None:
        """Take the next piece's prediction; write the frames nearer to the middle of the last."""
        if self._last is not None:
            last = self._last.piece
            self._write_until((found.piece.first + last.first + len(last) + 1) // 2, self._last)
        self._last = found

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Write what is left and finish the file; after an error, only release it."""
        if kind is None and self._last is not None:
            self._write_until(self._count, self._last)
        if self._writer is not None:
            self._writer.close(complete=kind is None)

    def _write_until(self, stop: int, found: Prediction) -> None:
        while self._held and self._held[0].index < stop:
            held = self._held.popleft()
            picture = self._page(held, found)
            if self._writer is None:
                fps = found.fps if math.isfinite(found.fps) else UNKNOWN_FPS
                rate, (height, width) = Fraction(fps).limit_denominator(1001), picture.shape[:2]
                how: dict[str, Any] = {"rate": rate, "time_base": FINE, "colour": RGB_COLOUR}
                self._writer = VideoWriter(self._path, width=width, height=height, **how)
            self._pts = max(self._pts + 1, round(held.time / FINE))
            self._writer.write(from_rgb(picture, self._pts))

    def _page(self, held: _Held, found: Prediction) -> np.ndarray:
        """Return frame and panel, (y, x, 3) uint8."""
        picture = np.array(held.picture, order="C")
        corners = crop_corners(found)
        if corners is not None:
            points = np.rint(corners * held.scale).astype(np.int32)
            cv2.polylines(picture, [points], True, CROP, 1, cv2.LINE_AA)
        if held.face is not None:
            x, y, width, height = np.rint(held.face.box * held.scale).astype(int).tolist()
            cv2.rectangle(picture, (x, y), (x + width, y + height), FACE, 1)
        elif corners is None or not found.piece.detected[held.index - found.piece.first]:
            _text(picture, "no face", 8, LINE_PX, NO_FACE)
        panel = self._panel(max(picture.shape[1], LEAST_WIDTH_PX), found)
        wide = ((0, 0), (0, panel.shape[1] - picture.shape[1]), (0, 0))
        return np.concatenate([np.pad(picture, wide), panel])

    def _panel(self, width: int, found: Prediction) -> np.ndarray:
        panel = np.full((LINE_PX * (len(self._labels) + 2) + 10, width, 3), DARK, np.uint8)
        title = f"{found.piece.frames}: "
        title += self._labels[found.predicted] if found.predicted >= 0 else "no prediction"
        _text(panel, title, 8, LINE_PX - 4, WHITE)
        for k, (label, share) in enumerate(zip(self._labels, found.of_piece, strict=True), 1):
            base = LINE_PX * (k + 1) - 4
            _text(panel[:, : BAR_PX - 4], label[:16], 8, base, WHITE)
            if np.isfinite(share):
                end = BAR_PX + round((width - 220) * float(share))
                colour = BAR if k - 1 == found.predicted else GREY
                cv2.rectangle(panel, (BAR_PX, base - 11), (end, base + 1), colour, -1)
                _text(panel, f"{share:.2f}", width - 56, base, WHITE)
        _text(panel, self._foot, 8, panel.shape[0] - 10, GREY)
        return panel


def _text(picture: np.ndarray, text: str, x: int, y: int, colour: tuple[int, int, int]) -> None:
    if text.isascii():
        cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.48, colour, 1, cv2.LINE_AA)
        return
    drawn = Image.fromarray(picture)  # OpenCV's font has no other letters
    ImageDraw.Draw(drawn).text((x, y), text, colour, _font(text), anchor="ls")
    picture[:] = np.asarray(drawn)


@cache
def _font(text: str) -> ImageFont.FreeTypeFont:
    from microexpr.figures.style import font_file  # noqa: PLC0415 - matplotlib, seldom needed

    return ImageFont.truetype(font_file(text), TEXT_PX)
