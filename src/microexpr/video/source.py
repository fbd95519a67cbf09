"""Where frames come from: a video file, a folder of images, a glob of either."""

from __future__ import annotations

import glob
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av

from microexpr.errors import DataError
from microexpr.runtime.notices import notice
from microexpr.video.container import opened
from microexpr.video.frame import RGB_COLOUR, Colour, Frame, from_picture, is_grey, is_rgb
from microexpr.video.images import IMAGE_SUFFIXES, ImageSequence


class Source(Protocol):
    """One clip: what is known before decoding, and its frames.

    Attributes
    ----------
    name : str
        For messages and for the names of outputs.
    files : tuple of Path
        What it is read from.
    width, height : int
        Of the upright frames, px.
    pts : tuple of int
        Times of the frames, increasing, 0 at the start of the container.
    time_base : Fraction
        Unit of `pts`, s.
    colour : Colour
    bits : int
        Of luma codes.
    pixel_aspect : Fraction
        Width of a pixel over its height.
    audio : bool
        Whether the file has sound.
    capture_fps : float or None
        True rate, frames/s, where the times are not to be believed.
    """

    name: str
    files: tuple[Path, ...]
    width: int
    height: int
    pts: tuple[int, ...]
    time_base: Fraction
    colour: Colour
    bits: int
    pixel_aspect: Fraction
    audio: bool
    capture_fps: float | None

    def frames(self) -> Iterator[Frame]:
        """Decode, first frame to last."""
        ...


def open_sources(text: str, *, fps: float | None = None, threads: int = 1) -> list[Source]:
    """Find the clips that a name stands for.

    Parameters
    ----------
    text : str
        A video file, a folder of numbered images, or a glob. The images of a glob are one clip, its
        videos are a clip each.
    fps : float, optional
        Rate of the camera, frames/s: needed for images, for a video only where its times are wrong.
    threads : int
        Of the decoder.

    Raises
    ------
    DataError
        When nothing is there, or it is neither video nor images.
    """
    path = Path(text)
    if path.is_dir():
        found = [p for p in path.iterdir() if p.is_file()]
        images = [p for p in found if _is_image(p)]
        if not images:
            raise DataError(f"folder {path} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))})")
        return [ImageSequence(images, name=path.resolve().name, fps=fps)]
    if path.exists():
        if _is_image(path):
            raise DataError(f"{path} is a single image; give its folder, or a glob in quotes")
        return [VideoFile(path, fps=fps, threads=threads)]
    if not glob.has_magic(text):
        raise DataError(f"{path} does not exist")
    # Path.glob takes no absolute pattern.
    found = [Path(p) for p in glob.glob(text, recursive=True)]  # noqa: PTH207
    paths = sorted(p for p in found if p.is_file())
    images = [p for p in paths if _is_image(p)]
    if not paths:
        raise DataError(f"no file matches {text}")
    if not images:
        return [VideoFile(p, fps=fps, threads=threads) for p in paths]
    if len(images) < len(paths):
        other = next(p for p in paths if not _is_image(p))
        raise DataError(f"{text} matches images and other files, such as {other.name}")
    return [ImageSequence(images, name=images[0].resolve().parent.name, fps=fps)]


def _is_image(path: Path) -> bool:
    # "._image1.bmp" and the like are left behind by file managers.
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


class VideoFile:
    """A video, through FFmpeg. Attributes are those of :class:`Source`.

    Raises
    ------
    DataError
        When the file is no video or not one frame can be decoded.
    """

    def __init__(self, path: Path, *, fps: float | None = None, threads: int = 1) -> None:
        self.name, self.files, self._threads = path.stem, (path,), threads
        self.capture_fps = fps
        with opened(path) as (container, stream):
            self.audio = bool(container.streams.audio)
            self.pixel_aspect = Fraction(stream.sample_aspect_ratio or 1)
            self.time_base = stream.time_base
            start = Fraction(container.start_time or 0, av.time_base)
            self._first = round(start / self.time_base)
            shown = [p.pts for p in container.demux(stream) if p.size and not p.is_discard]
            # AVI and bare streams hold no times: the rate they state is all there is.
            self._timed = None not in shown and container.format.name != "avi"
            stated = stream.guessed_rate or stream.average_rate or fps
        if self._timed:
            self.pts = tuple(sorted({pts - self._first for pts in shown}))
        else:
            if not stated:
                raise DataError(f"{path} states no frame rate; give it with --fps")
            self.time_base = 1 / Fraction(stated)
            self.pts = tuple(range(len(shown)))
        self._look(path)

    def _look(self, path: Path) -> None:
        """Learn from the first frame what the header may get wrong."""
        first = next(self._pictures(), None)
        if first is None:
            raise DataError(f"{path} holds no frame that can be decoded")
        self._quarters = round(first.rotation / 90) % 4
        self.colour = _colour(first)
        frame = from_picture(first, 0, full_range=self.colour.full_range).turned(self._quarters)
        self.height, self.width = frame.luma.shape
        self.bits = frame.bits
        if self._quarters % 2:
            self.pixel_aspect = 1 / self.pixel_aspect

    def frames(self) -> Iterator[Frame]:
        """Decode, first frame to last; upright, whatever the camera's orientation was."""
        last = -math.inf
        for index, picture in enumerate(self._pictures()):
            pts = picture.pts - self._first if self._timed else index
            if pts <= last:
                raise DataError(f"{self.files[0]}: the time of frame {index} is not after the last")
            last = pts
            frame = from_picture(picture, pts, full_range=self.colour.full_range)
            frame = frame.turned(self._quarters)
            height, width = frame.luma.shape
            if (height, width) != (self.height, self.width):
                raise DataError(
                    f"{self.files[0]}: frame {index} is {width}x{height} px, "
                    f"the first is {self.width}x{self.height}"
                )
            yield frame

    def _pictures(self) -> Iterator[av.VideoFrame]:
        damaged = 0
        with opened(self.files[0], self._threads) as (container, stream):
            for packet in container.demux(stream):
                try:
                    pictures = packet.decode()
                except av.error.InvalidDataError:
                    damaged += 1
                    continue
                yield from (p for p in pictures if p.pts is not None or not self._timed)
        if damaged:
            notice(f"{damaged} packets of {self.files[0].name} cannot be decoded")


def _colour(picture: av.VideoFrame) -> Colour:
    if is_rgb(picture):
        return RGB_COLOUR
    known = {1: False, 2: True}
    full_range = known.get(int(picture.color_range))
    if picture.format.name.startswith("yuvj"):
        full_range = True
    if full_range is None and is_grey(picture):
        full_range = True  # what FFmpeg takes grey for
    return Colour(
        matrix=int(picture.colorspace),
        primaries=int(picture.color_primaries),
        transfer=int(picture.color_trc),
        full_range=full_range,
    )
