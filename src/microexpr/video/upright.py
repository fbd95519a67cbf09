"""A picture as a player shows it: upright, its pixels square, without the comb of interlacing."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideData

SQUARE = 0.01  # an aspect this near to 1 is 1: sizes that a codec has rounded
MAX_ASPECT = 10  # width of a pixel over its height, or the other way round
ODD_ANGLE = 0.02  # share of a display matrix beside a quarter turn
FIELD_ORDERS = (2, 3, 4, 5)  # of interlaced streams, as FFmpeg numbers them


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways in which a picture may lie.

    Parameters
    ----------
    transposed : bool
        Rows become columns, first.
    mirrored, flipped : bool
        Left and right, top and bottom change places, afterwards.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels of shape (y, x, ...) as they are shown."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        down, right = (-1 if back else 1 for back in (self.flipped, self.mirrored))
        return np.ascontiguousarray(pixels[::down, ::right])

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height as they are shown."""
        return (height, width) if self.transposed else (width, height)


AS_STORED = Orientation()
# By the value of the EXIF tag Orientation.
EXIF = {
    1: AS_STORED,
    2: Orientation(mirrored=True),
    3: Orientation(mirrored=True, flipped=True),
    4: Orientation(flipped=True),
    5: Orientation(transposed=True),
    6: Orientation(transposed=True, mirrored=True),
    7: Orientation(transposed=True, mirrored=True, flipped=True),
    8: Orientation(transposed=True, flipped=True),
}


def orientation_of(picture: av.VideoFrame) -> tuple[Orientation, bool]:
    """Read a picture's display matrix.

    Returns
    -------
    Orientation, bool
        The nearest, and whether the matrix turns by another angle than quarters.
    """
    try:
        data = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know what else belongs to the picture
        quarters = round(picture.rotation / 90)
        return (AS_STORED, EXIF[8], EXIF[3], EXIF[6])[
            quarters % 4
        ], quarters * 90 != picture.rotation
    if not isinstance(data, SideData):
        return AS_STORED, False
    # x' = a x + c y, y' = b x + d y, with x to the right and y down; the rest moves the picture.
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].astype(float)
    straight, crossed = abs(a) + abs(d), abs(b) + abs(c)
    odd = min(straight, crossed) > ODD_ANGLE * max(straight, crossed)
    if crossed > straight:
        return Orientation(transposed=True, mirrored=bool(c < 0), flipped=bool(b < 0)), odd
    return Orientation(mirrored=bool(a < 0), flipped=bool(d < 0)), odd


def natural(pixels: np.ndarray, aspect: Fraction) -> np.ndarray:
    """Return pixels (y, x, ...) with the proportions of life; the longer side of a pixel stays."""
    height, width = pixels.shape[:2]
    size = natural_size(width, height, aspect)
    if size == (width, height):
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)


def natural_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return width and height in square pixels; nothing becomes smaller."""
    if aspect <= 0 or abs(aspect - 1) < SQUARE:
        return width, height
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


class OneField:
    """Takes the top field of interlaced pictures and fills the lines between.

    Both fields in one picture are two moments: their difference is motion that nobody made, and
    would be magnified. From the first interlaced picture on all are treated alike, or the
    sharpness would change from frame to frame. A filter over time would mix moments.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self._always = stream.codec_context.field_order in FIELD_ORDERS
        self._begun = False
        self._graph: av.filter.Graph | None = None
        self._kind = ""

    def begins(self, picture: av.VideoFrame) -> bool:
        """Tell whether a picture is the first that is interlaced."""
        before, self._begun = self._begun, self._begun or self._always or picture.interlaced_frame
        return self._begun and not before

    def of(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return the picture, of one field once an interlaced one was seen."""
        if not self._begun or picture.height < 4:
            return picture
        kind = f"{picture.width}x{picture.height}:pix_fmt={picture.format.name}"
        kind += f":colorspace={int(picture.colorspace)}:range={int(picture.color_range)}"
        if kind != self._kind:
            self._graph, self._kind = self._filter(kind), kind
        assert self._graph is not None
        self._graph.push(picture)
        taken = self._graph.pull()
        assert isinstance(taken, av.VideoFrame)
        return taken

    @staticmethod
    def _filter(kind: str) -> av.filter.Graph:
        height = kind.partition("x")[2].partition(":")[0]
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add("buffer", f"video_size={kind}:time_base=1/90000"),
            graph.add("field", "type=top"),
            graph.add("scale", f"w=iw:h={height}:flags=bicubic"),
            graph.add("buffersink"),
        ).configure()
        return graph
