"""Videos and images that a user names, read leniently: what is known of a clip, and its frames."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from microexpr.errors import ConfigError, DataError, MicroexprWarning
from microexpr.runtime.names import readable
from microexpr.runtime.notices import notice
from microexpr.video.frame import RGB_COLOUR, Colour, Frame, colour_of
from microexpr.video.opening import opened
from microexpr.video.picture import Picture, image_pictures, of_one_size
from microexpr.video.rate import time_axis
from microexpr.video.reading import clock, time_of, video_pictures
from microexpr.video.suffixes import IMAGES, inside, is_image_name, matching, numbered
from microexpr.video.time_axis import TimeAxis


@dataclass(frozen=True)
class Source:
    """One clip."""

    name: str  # for messages and names of outputs
    files: tuple[Path, ...]
    width: int  # of the upright frames, px
    height: int
    pts: tuple[int, ...]  # times of the frames, increasing, 0 at the start of the container
    time_base: Fraction  # their unit, s
    timed: bool  # whether the file holds times; otherwise frames are counted
    start: int  # what the file has for time 0
    rates: tuple[Fraction, ...]  # frames/s that the file or the user states
    pictures: Callable[[], Iterator[Picture]]  # decodes, from the first picture to the last
    colour: Colour = RGB_COLOUR
    bits: int = 16  # of luma
    pixel_aspect: Fraction = Fraction(1)  # width of a pixel over its height
    audio: bool = False
    capture_fps: float | None = None  # true rate, frames/s, where the times are wrong

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the frames, for messages: the camera's, or indices."""
        return range(len(self.pts)) if self.timed else [pts + self.start for pts in self.pts]

    def axis(self) -> TimeAxis:
        """Return when the frames were taken."""
        given, counts = self.capture_fps, not self.timed
        return time_axis(
            self.pts, self.time_base, rates=self.rates, certain=counts, capture_fps=given
        )

    def frames(self) -> Iterator[Frame]:
        """Decode, first frame to last; upright, whatever the camera's orientation was."""
        last, twice = -math.inf, 0
        for picture in of_one_size(self.pictures()):
            stamp = picture.stamp if self.timed else picture.number
            if stamp is None:
                continue
            pts = stamp - self.start
            if pts < last:
                raise DataError(
                    f"{self.files[0]}: the time stamps run backwards at frame {picture.number}"
                )
            if pts == last:
                twice += 1
                continue
            last = pts
            yield picture.frame(pts, full_range=self.colour.full_range)
        if twice:
            notice(f"{twice} frames have the time stamp of the frame before and are left out")


def open_sources(text: str, *, fps: float | None = None, threads: int = 1) -> list[Source]:
    """Find the clips that a name stands for; DataError: nothing there is a video or an image.

    `text` is a video file, a folder of numbered images, or a glob, whose images are one clip and
    whose videos one each. `fps` is the camera's rate: needed for images, for a video only where its
    times are wrong; `threads` are those of the decoder.
    """
    path = Path(readable(text))
    if path.is_dir():
        images = [file for file in inside(path) if is_image_name(file.name)]
        if not images:
            raise DataError(f"folder {path} holds no image ({', '.join(IMAGES)})")
        return [image_source(images, name=path.resolve().name, fps=fps)]
    paths = [file for file in matching(text) if not file.is_dir()]
    images = [file for file in paths if is_image_name(file.name)]
    if not paths:
        raise DataError(f"{text} matches no file")
    if not images:
        return [video_source(file, fps=fps, threads=threads) for file in paths]
    if path.exists():
        raise DataError(f"{path} is a single image; give its folder, or a glob in quotes")
    if len(images) < len(paths):
        other = next(file for file in paths if not is_image_name(file.name))
        raise DataError(f"{text} matches images and other files, such as {other.name}")
    return [image_source(images, name=images[0].resolve().parent.name, fps=fps)]


def image_source(paths: Sequence[Path], *, name: str, fps: float | None) -> Source:
    """Make a clip of images; the number at the end of a name is the camera's, a gap one in time."""
    if fps is None:
        raise ConfigError(f"{name}: images carry no time; give the rate of the camera with --fps")
    images, rate = numbered(paths), Fraction(fps).limit_denominator(10**6)
    pictures, start = partial(image_pictures, images, "lenient"), images[0][0]
    width, height = next(pictures()).size
    return Source(
        name=name,
        files=tuple(path for _, path in images),
        width=width,
        height=height,
        pts=tuple(number - start for number, _ in images),
        time_base=1 / rate,
        timed=False,
        start=start,
        rates=(rate,),
        pictures=pictures,
    )


def video_source(path: Path, *, fps: float | None = None, threads: int = 1) -> Source:
    """Make a clip of a video, of which header, times of packets, and first frame are read."""
    with opened(path, threads) as (container, stream):
        packets = (p for p in container.demux(stream) if p.size and not p.is_discard)
        shown = [time_of(packet, container) for packet in packets]
        start_s = Fraction(container.start_time or 0, av.time_base)
        time_base, rates = clock(stream)
        timed = None not in shown  # bare streams hold no times: the rate they state is all there is
        audio = bool(container.streams.audio)
    start = round(start_s / time_base) if timed else 0
    pts = tuple(sorted({pts - start for pts in shown if pts is not None}))
    if not timed:
        if not (rates or fps):
            raise DataError(f"{path} states no frame rate; give it with --fps")
        rates = rates or (Fraction(fps or 0),)
        pts, time_base = tuple(range(len(shown))), 1 / rates[0]
    pictures = partial(video_pictures, path, "lenient", threads=threads)
    # The header may be wrong about what the first picture shows.
    # Warnings come again when all pictures are read.
    with warnings.catch_warnings(action="ignore", category=MicroexprWarning):
        first = next(pictures())
    assert isinstance(first.content, av.VideoFrame)
    (width, height), colour, aspect = first.size, colour_of(first.content), first.pixel_aspect
    return Source(
        name=path.stem,
        files=(path,),
        width=width,
        height=height,
        pts=pts,
        time_base=time_base,
        timed=timed,
        start=start,
        rates=rates,
        pictures=pictures,
        colour=colour,
        bits=first.frame(0, full_range=colour.full_range).bits,
        pixel_aspect=1 / aspect if first.orientation.transposed else aspect,
        audio=audio,
        capture_fps=fps,
    )
