"""The one way in: decode a video file or numbered images, picture by picture.

A *policy* says what damage means. ``strict``: a picture that is damaged, or a file that ends before
what its header says, is an error that names the frame (the pipeline, ``microexpr predict``).
``lenient``: what cannot be decoded is left out, with a warning (``microexpr magnify``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np

from microexpr.errors import DataError
from microexpr.runtime.notices import notice
from microexpr.video.frame import Frame, from_picture, from_rgb
from microexpr.video.suffixes import is_whole

Policy = Literal["strict", "lenient"]
# A decoder that meets damage shows a guess unless it is told not to.
NO_GUESSES = {"err_detect": "explode"}
# A header's duration is rounded, and the last frame's may be missing from it.
SLACK_FRAMES = 2


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Parameters
    ----------
    number : int
        Index in the video, or camera counter of an image.
    content : VideoFrame, or ndarray of shape (y, x, 3), uint8 or uint16
        As decoded: a video's as it was stored, an image upright.
    time_s : float, optional
        None where neither a time nor a rate is stated.
    """

    number: int
    content: av.VideoFrame | np.ndarray
    time_s: float | None = None

    @property
    def pts(self) -> int | None:
        """Time in the container's time base; an image has none."""
        return None if isinstance(self.content, np.ndarray) else self.content.pts

    @property
    def quarters(self) -> int:
        """Counterclockwise quarter turns that bring the picture upright."""
        return 0 if isinstance(self.content, np.ndarray) else round(self.content.rotation / 90) % 4

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture, px."""
        if isinstance(self.content, np.ndarray):
            return self.content.shape[1], self.content.shape[0]
        width, height = self.content.width, self.content.height
        return (height, width) if self.quarters % 2 else (width, height)

    def rgb(self) -> np.ndarray:
        """Return the upright colours, (y, x, 3) uint8."""
        if isinstance(self.content, np.ndarray):
            return self.content
        rgb = self.content.to_ndarray(format="rgb24")
        return np.ascontiguousarray(np.rot90(rgb, self.quarters))

    def frame(self, pts: int, *, full_range: bool | None) -> Frame:
        """Return the upright codes of luma and chroma."""
        if isinstance(self.content, np.ndarray):
            return from_rgb(self.content, pts)
        return from_picture(self.content, pts, full_range=full_range).turned(self.quarters)


@contextmanager
def opened(
    path: Path, threads: int = 1
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open a video; yield its container and main video stream, or raise DataError."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, OSError) and not isinstance(error, av.error.InvalidDataError):
            raise
        raise DataError(f"{path} cannot be opened as a video") from None
    with container:
        stream = container.streams.best("video")
        if not isinstance(stream, av.VideoStream):
            raise DataError(f"{path} has no video stream")
        stream.codec_context.thread_count = threads
        yield container, stream


def video_pictures(path: Path, policy: Policy, *, threads: int = 1) -> Iterator[Picture]:
    """Decode a video from its first frame to its last; nothing is sought.

    Raises
    ------
    DataError
        When no frame can be decoded. Under ``strict`` also for a damaged frame, or the last one
        where the file ends before what its header says. A decoder works ahead: the damage lies at
        the frame that is named or a few behind it. Damage that decodes to some picture without an
        error cannot be told from a picture.

    Warns
    -----
    MicroexprWarning
        Under ``lenient``: how many packets cannot be decoded.
    """
    last: Picture | None = None
    with opened(path, threads) as (container, stream):
        for picture in _decoded(path, container, stream, policy):
            yield picture
            last = picture
        if policy == "strict":
            _check_duration(path, container, stream, last)
    if last is None:
        raise DataError(f"{path} holds no frame that can be decoded")


def _decoded(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, policy: Policy
) -> Iterator[Picture]:
    strict = policy == "strict"
    if strict:
        stream.codec_context.options = NO_GUESSES
    rate = stream.guessed_rate or stream.average_rate
    # AVI and bare streams hold no times: the rate they state is all there is.
    timed = container.format.name != "avi"
    number = damaged = 0
    try:
        for packet in container.demux(stream):
            if strict and packet.is_corrupt:
                raise DataError(f"{path}: frame {number} cannot be decoded, the file is damaged")
            try:
                pictures = packet.decode()
            except av.error.InvalidDataError:
                if strict:
                    raise
                damaged += 1
                continue
            for picture in pictures:
                if strict and picture.is_corrupt:
                    raise DataError(f"{path}: frame {number} is damaged")
                counted_s = float(number / rate) if rate else None
                time_s = picture.time if timed and picture.pts is not None else counted_s
                yield Picture(number, picture, time_s)
                number += 1
    except av.error.FFmpegError as error:
        reason = error.strerror or "damaged"
        raise DataError(f"{path}: frame {number} cannot be decoded ({reason})") from None
    if damaged:
        notice(f"{damaged} packets of {path.name} cannot be decoded")


def _check_duration(
    path: Path,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    last: Picture | None,
) -> None:
    """Raise DataError where the last picture comes long before the end that the header states."""
    rate = stream.guessed_rate or stream.average_rate
    # Sound may be longer than the picture.
    if not rate or container.duration is None or len(container.streams) > 1:
        return
    stated_s = ((container.start_time or 0) + container.duration) / av.time_base
    end_s = (last.time_s or 0.0) if last else 0.0
    if end_s < stated_s - (1 + SLACK_FRAMES) / float(rate):
        shown = f"frame {last.number} at {end_s:.2f} s" if last else "no frame"
        raise DataError(f"{path}: ends after {shown}, its header says {stated_s:.2f} s")


def stated_frames(path: Path) -> int | None:
    """Return how many frames a video's header promises: for a progress bar, no more."""
    with opened(path) as (container, stream):
        rate = stream.guessed_rate or stream.average_rate
        if stream.frames or not rate or not container.duration:
            return stream.frames or None
        return round(container.duration / av.time_base * rate)


def image_pictures(images: Iterable[tuple[int, Path]], policy: Policy) -> Iterator[Picture]:
    """Decode numbered images, to 8 bits under ``strict``, to up to 16 bits under ``lenient``.

    Raises
    ------
    DataError
        Naming the frame and its file; under ``strict`` also where a file ends early.
    """
    for number, path in images:
        image = _decoded_image(path.read_bytes(), policy)
        if image is None or image.dtype not in (np.uint8, np.uint16):
            raise DataError(
                f"frame {number}: {path} cannot be decoded: it ends early, or is no image"
            )
        yield Picture(number, image)


def _decoded_image(content: bytes, policy: Policy) -> np.ndarray | None:
    if not content or (policy == "strict" and not is_whole(content)):
        return None
    flags = cv2.IMREAD_COLOR_RGB | (0 if policy == "strict" else cv2.IMREAD_ANYDEPTH)
    try:
        # Of the bytes, because imread cannot open every Unicode path on every system.
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # a header with an impossible size
        return None


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
