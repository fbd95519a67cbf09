"""Video files: the container, its main stream, and every frame of it or an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from microexpr.errors import DataError

# A decoder that meets damage shows a guess unless it is told not to.
STRICT = {"err_detect": "explode"}
# A header's duration is rounded, and the last frame's may be missing from it.
SLACK_FRAMES = 2


@contextmanager
def opened(path: Path, threads: int = 1) -> Iterator[tuple[av.container.InputContainer, ...]]:
    """Open a video; give its container and its main video stream."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, ValueError) as error:
        if isinstance(error, OSError) and not isinstance(error, av.error.InvalidDataError):
            raise
        raise DataError(f"{path} cannot be opened as a video") from None
    with container:
        stream = container.streams.best("video")
        if stream is None:
            raise DataError(f"{path} has no video stream")
        stream.codec_context.thread_count = threads
        yield container, stream


def timed_pictures(path: Path) -> Iterator[tuple[av.VideoFrame, float | None]]:
    """Decode a video from its first frame to its last, and accept no damage.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    (VideoFrame, float or None)
        A frame and its time in s; None where neither a time nor a rate is stated.

    Raises
    ------
    DataError
        Naming the frame that cannot be decoded, or the last one where the file ends before what
        its header says. A decoder works ahead: the damage lies at that frame or a few behind it.
        Damage that decodes to some picture without an error cannot be told from a picture.
    """
    with opened(path) as (container, stream):
        stream.codec_context.options = STRICT
        rate = stream.guessed_rate or stream.average_rate
        # AVI and bare streams hold no times: the rate they state is all there is.
        timed = container.format.name != "avi"
        shown, end_s = 0, 0.0
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt:
                    raise DataError(f"{path}: frame {shown} cannot be decoded, the file is damaged")
                for picture in packet.decode():
                    if picture.is_corrupt:
                        raise DataError(f"{path}: frame {shown} is damaged")
                    counted_s = float(shown / rate) if rate else None
                    time_s = picture.time if timed and picture.pts is not None else counted_s
                    yield picture, time_s
                    end_s, shown = time_s or end_s, shown + 1
        except av.error.FFmpegError as error:
            reason = error.strerror or "damaged"
            raise DataError(f"{path}: frame {shown} cannot be decoded ({reason})") from None
        stated_s = _stated_duration_s(container)
        if rate and end_s < stated_s - (1 + SLACK_FRAMES) / float(rate):
            last = f"frame {shown - 1} at {end_s:.2f} s" if shown else "no frame"
            raise DataError(f"{path}: ends after {last}, its header says {stated_s:.2f} s")


def _stated_duration_s(container: av.container.InputContainer) -> float:
    """Time of the picture's end as the header has it; 0 where it does not say."""
    # Sound may be longer than the picture.
    if container.duration is None or len(container.streams) > 1:
        return 0.0
    return ((container.start_time or 0) + container.duration) / av.time_base
