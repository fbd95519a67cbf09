"""A sequence of numbered images as a clip."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from microexpr.errors import ConfigError, DataError
from microexpr.video.frame import RGB_COLOUR, Frame, from_rgb

IMAGE_SUFFIXES = {".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff"}
READ = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH


class ImageSequence:
    """Images in the order of the numbers at the end of their names.

    The number is the camera's: a missing one is a gap in time, which is filled by interpolation.
    Grey images and those of 16 bits are read as they are. Attributes are those of
    :class:`microexpr.video.source.Source`.

    Parameters
    ----------
    paths : sequence of Path
    name : str
        Of the clip.
    fps : float or None
        Frames/s of the camera.

    Raises
    ------
    ConfigError
        Without `fps`: images carry no time.
    DataError
        When an image has no number, two have the same, or the first cannot be decoded.
    """

    colour, bits = RGB_COLOUR, 16
    pixel_aspect, audio = Fraction(1), False
    capture_fps = None  # it is in the time base already

    def __init__(self, paths: Sequence[Path], *, name: str, fps: float | None) -> None:
        if fps is None:
            raise ConfigError(f"{name}: images carry no time; give their rate with --fps")
        self.name = name
        numbered = _numbered(paths)
        self.files = tuple(numbered.values())
        self.pts = tuple(number - min(numbered) for number in numbered)
        self.time_base = 1 / Fraction(fps).limit_denominator(10**6)
        self.height, self.width = _read(self.files[0]).shape[:2]

    def frames(self) -> Iterator[Frame]:
        """Decode, first image to last."""
        for path, pts in zip(self.files, self.pts, strict=True):
            rgb = _read(path)
            if rgb.shape[:2] != (self.height, self.width):
                raise DataError(
                    f"{path} is {rgb.shape[1]}x{rgb.shape[0]} px, "
                    f"{self.files[0].name} is {self.width}x{self.height}"
                )
            yield from_rgb(rgb, pts)


def _numbered(paths: Sequence[Path]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for path in paths:
        digits = re.search(r"(\d+)$", path.stem)
        if digits is None:
            raise DataError(f"image {path} has no number at the end of its name")
        number = int(digits[1])
        if number in found:
            raise DataError(f"images {found[number]} and {path} have the same number")
        found[number] = path
    return dict(sorted(found.items()))


def _read(path: Path) -> np.ndarray:
    """Colours (H, W, 3), uint8 or uint16."""
    # imdecode of the bytes, because imread cannot open every Unicode path on every system.
    content = np.fromfile(path, np.uint8)
    image = cv2.imdecode(content, READ) if len(content) else None
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise DataError(f"{path} cannot be decoded as an image of 8 or 16 bits")
    return image
