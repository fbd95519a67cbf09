"""Frames as H.264 stores them: luma at full size, chroma at half, both as codes of the file.

Codes are not converted to RGB and back: luma is magnified, the rest passes through. So alpha 0
gives exactly the codes of an 8-bit input, and a clip takes 1.5 bytes per pixel instead of 12.
"""

import math
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter

NEUTRAL = 128  # chroma code of grey


RANGES = {None: ColorRange.UNSPECIFIED, False: ColorRange.MPEG, True: ColorRange.JPEG}


@dataclass(frozen=True)
class Colour:
    """What codes mean: code points of ITU-T H.273, carried from the input to the output."""

    matrix: int = 2  # 2: unspecified
    primaries: int = 2
    transfer: int = 2
    full_range: bool | None = None  # luma codes 0..255 or 16..235; None: unspecified


@dataclass(frozen=True)
class Frame:
    """One frame."""

    luma: np.ndarray  # (H, W) uint8 or uint16, codes of `bits` bits
    chroma: np.ndarray  # (2, ceil(H / 2), ceil(W / 2)) uint8, codes of Cb and Cr
    bits: int  # 8 to 16
    pts: int  # time, in units of the source's time base

    def values(self, window: tuple[slice, slice] = (slice(None), slice(None))) -> np.ndarray:
        """Return the luma of a part of the frame, float32: 8-bit codes over 255."""
        return self.luma[window].astype(np.float32) / np.float32(255 << (self.bits - 8))

    def luma8(self) -> np.ndarray:
        """Return the luma rounded to 8 bits."""
        if self.bits == 8:
            return self.luma
        half = 1 << (self.bits - 9)
        rounded = (self.luma.astype(np.uint32) + half) >> (self.bits - 8)
        return np.minimum(rounded, 255).astype(np.uint8)


def is_rgb(picture: av.VideoFrame) -> bool:
    """Tell whether a decoded picture holds colours rather than luma and chroma."""
    layout = picture.format
    luma = layout.components[0]
    return layout.is_rgb or layout.has_palette or not luma.is_luma or luma.bits < 8


def is_grey(picture: av.VideoFrame) -> bool:
    """Tell whether a decoded picture has no chroma; transparency does not count."""
    return not is_rgb(picture) and len(picture.format.components) < 3


def from_picture(picture: av.VideoFrame, pts: int, *, full_range: bool | None) -> Frame:
    """Return a decoded picture of any pixel format as a frame; luma keeps its codes bit for bit."""
    if is_rgb(picture):
        deep = max(component.bits for component in picture.format.components) > 8
        return from_rgb(picture.to_ndarray(format="rgb48le" if deep else "rgb24"), pts)
    bits = picture.format.components[0].bits
    grey = is_grey(picture)
    depth = "" if bits == 8 else f"{bits}le"
    # The same range on both sides, or the conversion would stretch the codes.
    pinned = RANGES[bool(full_range)]
    how: dict[str, Any] = {"src_color_range": pinned, "dst_color_range": pinned, "threads": 1}
    layout = ("gray" if grey else "yuv420p") + depth
    planar = VideoReformatter().reformat(picture, format=layout, **how)
    luma, *chroma = [_codes(plane, bits) for plane in planar.planes]
    if grey:
        height, width = (math.ceil(side / 2) for side in luma.shape)
        return Frame(luma, np.full((2, height, width), NEUTRAL, np.uint8), bits, pts)
    small = Frame(np.stack(chroma[:2]), np.empty(0), bits, pts).luma8()
    return Frame(luma, small, bits, pts)


def _codes(plane: av.video.plane.VideoPlane, bits: int) -> np.ndarray:
    """Return a plane as an array of its own, without the padding of its lines."""
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    lines = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize)
    return lines[: plane.height, : plane.width].copy()


def from_rgb(rgb: np.ndarray, pts: int) -> Frame:
    """Return colours (H, W, 3) as BT.601 codes of limited range, luma with 16 bits."""
    unit = rgb.astype(np.float32) / np.iinfo(rgb.dtype).max
    luma, red, blue = cv2.split(cv2.cvtColor(unit, cv2.COLOR_RGB2YCrCb))
    height, width = luma.shape
    small = (math.ceil(width / 2), math.ceil(height / 2))
    odd = ((0, height % 2), (0, width % 2))
    even = (np.pad(part, odd, mode="edge") for part in (blue, red))
    chroma = [cv2.resize(part, small, interpolation=cv2.INTER_AREA) for part in even]
    deep = np.rint((16 + 219 * luma) * 256).astype(np.uint16)
    codes = np.rint(NEUTRAL + 224 * (np.stack(chroma) - 0.5)).astype(np.uint8)
    return Frame(deep, codes, bits=16, pts=pts)


RGB_COLOUR = Colour(matrix=6, full_range=False)  # what from_rgb writes


def colour_of(picture: av.VideoFrame) -> Colour:
    """Return what the codes mean that :func:`from_picture` gives for a decoded picture."""
    if is_rgb(picture):
        return RGB_COLOUR
    full_range = {1: False, 2: True}.get(int(picture.color_range))
    if picture.format.name.startswith("yuvj") or (full_range is None and is_grey(picture)):
        full_range = True  # FFmpeg takes grey for it
    primaries, transfer = int(picture.color_primaries), int(picture.color_trc)
    return Colour(int(picture.colorspace), primaries, transfer, full_range)
