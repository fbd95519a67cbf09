"""A decoded picture, of a video or an image, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np

from microexpr.errors import DataError
from microexpr.video.frame import Frame, from_picture, from_rgb
from microexpr.video.upright import AS_STORED, Orientation, natural

# What doubt means. "strict", for the pipeline: a damaged picture, or a file that is cut off, is an
# error that names the frame. "lenient", for `microexpr magnify` and `microexpr predict`: what
# cannot be decoded is left out, and a notice says so.
Policy = Literal["strict", "lenient"]


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Parameters
    ----------
    number : int
        Index in the video, or camera counter of an image.
    content : VideoFrame, or ndarray of shape (y, x, 3), uint8 or uint16
        As it was stored, of an interlaced picture one field; an image upright.
    time_s, stamp : float, int, optional
        None where neither a time nor a rate is stated; in the container's time base, if it has one.
    orientation, pixel_aspect : Orientation, Fraction
        How it is shown; width of a stored pixel over its height.
    """

    number: int
    content: av.VideoFrame | np.ndarray
    time_s: float | None = None
    stamp: int | None = None
    orientation: Orientation = AS_STORED
    pixel_aspect: Fraction = Fraction(1)

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
        content = self.content
        rgb = content if isinstance(content, np.ndarray) else content.to_ndarray(format="rgb24")
        return self.orientation.upright(natural(rgb, self.pixel_aspect))

    def frame(self, pts: int, *, full_range: bool | None) -> Frame:
        """Return the upright codes of luma and chroma, their pixels as stored."""
        if isinstance(self.content, np.ndarray):
            return from_rgb(self.content, pts)
        return from_picture(self.content, pts, full_range=full_range).turned(self.orientation)


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
