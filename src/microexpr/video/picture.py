"""A decoded picture, of a video or an image, as a player shows it: upright, its pixels square.

Images are decoded here, by OpenCV, which turns them upright by their EXIF tag. It refuses a file
that ends early, and passes by what other readers pass by: a wrong size in a header, fill bytes.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideData

from microexpr import MAX_PIXELS
from microexpr.errors import DataError
from microexpr.runtime.files import regular
from microexpr.runtime.names import readable
from microexpr.runtime.notices import notice
from microexpr.video.frame import Frame, from_picture, from_rgb

# What doubt means. "strict", for the pipeline: a damaged picture, or a file that is cut off, is an
# error that names the frame. "lenient", for `microexpr magnify` and `microexpr predict`: what
# cannot be decoded is left out, and a notice says so.
Policy = Literal["strict", "lenient"]
SQUARE = 0.01  # an aspect this near to 1 is 1: sizes that a codec has rounded
MAX_BYTES = 2**29  # of an image: more than the largest size takes, uncompressed
ODD_ANGLE = 0.02  # share of a display matrix beside a quarter turn


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways in which a picture may lie."""

    transposed: bool = False  # rows become columns, before the others
    mirrored: bool = False  # left and right change places
    flipped: bool = False  # top and bottom change places

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


@dataclass(frozen=True)
class Picture:
    """A decoded picture."""

    number: int  # index in the video, or camera counter of an image
    # As it was stored, of an interlaced picture one field; an image (y, x, 3) uint8 or uint16
    # upright.
    content: av.VideoFrame | np.ndarray
    stamp: int | None = None  # time in the container's time base, where it states one
    orientation: Orientation = AS_STORED
    pixel_aspect: Fraction = Fraction(1)  # width of a stored pixel over its height

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture in stored pixels."""
        if isinstance(self.content, np.ndarray):
            height, width = self.content.shape[:2]
        else:
            height, width = self.content.height, self.content.width
        return self.orientation.size(width, height)

    def rgb(self) -> np.ndarray:
        """Return the upright colours in square pixels, (y, x, 3) uint8."""
        rgb = self.content
        if isinstance(rgb, av.VideoFrame):
            rgb = rgb.to_ndarray(format="rgb24")
        elif rgb.dtype == np.uint16:
            rgb = (rgb >> 8).astype(np.uint8)
        return self.orientation.upright(natural(rgb, self.pixel_aspect))

    def frame(self, pts: int, *, full_range: bool | None) -> Frame:
        """Return the upright codes of luma and chroma, their pixels as stored."""
        if isinstance(self.content, np.ndarray):
            return from_rgb(self.content, pts)
        frame = from_picture(self.content, pts, full_range=full_range)
        turn = self.orientation.upright
        chroma = np.stack([turn(part) for part in frame.chroma])
        return replace(frame, luma=turn(frame.luma), chroma=chroma)


def orientation_of(picture: av.VideoFrame) -> tuple[Orientation, bool]:
    """Return how a picture lies, and whether its matrix turns it by another angle than quarters."""
    # x' = a x + c y, y' = b x + d y, with x to the right and y down; the rest moves the picture.
    try:
        data = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know what else belongs to the picture, only its angle
        angle = math.radians(picture.rotation)
        a, b, c, d = math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle)
    else:
        if not isinstance(data, SideData):
            return AS_STORED, False
        a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    straight, crossed = abs(a) + abs(d), abs(b) + abs(c)
    odd = min(straight, crossed) > ODD_ANGLE * max(straight, crossed)
    if crossed > straight:
        return Orientation(transposed=True, mirrored=c < 0, flipped=b < 0), odd
    return Orientation(mirrored=a < 0, flipped=d < 0), odd


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


def of_one_size(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """Pass pictures on; raise DataError where one has another size than the first."""
    size = None
    for picture in pictures:
        size = size or picture.size
        if picture.size != size:
            width, height = picture.size
            raise DataError(
                f"frame {picture.number} is {width}x{height} px, "
                f"the frames before are {size[0]}x{size[1]}"
            )
        yield picture


def image_pictures(images: Iterable[tuple[int, Path]], policy: Policy) -> Iterator[Picture]:
    """Decode numbered images; DataError: one (lenient: each) cannot be, which it names."""
    shown, refused = 0, []
    for number, path in images:
        try:
            picture = _picture(number, path)
        except DataError as error:
            if policy == "strict":
                raise DataError(f"frame {number}: {error}") from None
            refused.append(str(error))
            continue
        shown += 1
        yield picture
    if refused and not shown:
        raise DataError(refused[0])
    if refused:
        notice(f"{len(refused)} images are left out, the first: {refused[0]}")


def is_image(path: Path) -> bool:
    """Tell from its first bytes whether a file is an image; DataError for no regular file."""
    # Bytes that are no text in a path would end the process in OpenCV.
    return bool(cv2.haveImageReader(readable(str(regular(path)))))


def _picture(number: int, path: Path) -> Picture:
    if regular(path).stat().st_size > MAX_BYTES:
        raise DataError(f"{path} has more than {MAX_BYTES >> 20} MiB")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    try:
        # Of the bytes, because imread cannot open every Unicode path on every system.
        content = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), flags)
    except cv2.error as error:
        if "CV_IO_MAX" in str(error):
            raise DataError(f"{path} has more than {MAX_PIXELS} pixels") from None
        content = None
    if content is None or content.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path} cannot be decoded: it ends early, or is no image")
    # Asked for RGB, OpenCV 4.14 returns a TIFF of 16 bits with whatever was in memory.
    return Picture(number, cv2.cvtColor(content, cv2.COLOR_BGR2RGB))
