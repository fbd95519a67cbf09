"""Decoding: frames in order, each with its number and time, never more than a chunk in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, about_clip
from microexpr.video.container import timed_pictures
from microexpr.video.suffixes import in_range, is_whole, list_images

CHUNK = 32  # frames; 640x480 RGB: 29 MB
INDEX_AGAIN = "the files have changed since: snakemake --forcerun index"


@dataclass(frozen=True)
class Frames:
    """Consecutive frames of a clip.

    Parameters
    ----------
    rgb : ndarray, shape (T, y, x, 3), uint8
        Pixels.
    number : ndarray, shape (T,), int
        Camera counter of an image, or index of a video's frame.
    time : ndarray, shape (T,), float
        Seconds since the clip's first frame.
    """

    rgb: np.ndarray
    number: np.ndarray
    time: np.ndarray


def decode(root: Path, clip: Clip) -> Iterator[Frames]:
    """Decode a clip from its first frame to its last; what lies before and after is not read.

    Parameters
    ----------
    root : Path
        ``data.root``.
    clip : Clip
        Its row of the manifest.

    Yields
    ------
    Frames
        Chunks of up to 32 frames. Frames are counted as they come: a container's own count is
        never trusted, and nothing is sought.

    Raises
    ------
    DataError
        Naming the clip, when the source is missing or empty, a frame cannot be decoded, the sizes
        differ, or the frames are not as many as in the manifest.
    """
    source = root / clip.source
    with about_clip(clip.clip_id):
        if not source.exists():
            raise DataError(f"{source} does not exist (data.root)")
        frames = _images(source, clip) if clip.kind == "images" else _video(source, clip)
        yield from _chunks(frames)


def _chunks(frames: Iterable[tuple[np.ndarray, int, float]]) -> Iterator[Frames]:
    size = None
    batch: list[tuple[np.ndarray, int, float]] = []
    for rgb, number, time in frames:
        size = size or rgb.shape
        if rgb.shape != size:
            raise DataError(
                f"frame {number} is {rgb.shape[1]}x{rgb.shape[0]} px, "
                f"the frames before are {size[1]}x{size[0]}"
            )
        batch.append((rgb, number, time))
        if len(batch) == CHUNK:
            yield _stack(batch)
            batch = []
    if batch:
        yield _stack(batch)


def _stack(batch: list[tuple[np.ndarray, int, float]]) -> Frames:
    rgb, number, time = zip(*batch, strict=True)
    return Frames(np.stack(rgb), np.array(number), np.array(time))


def _images(folder: Path, clip: Clip) -> Iterator[tuple[np.ndarray, int, float]]:
    images = in_range(list_images(folder), clip.first, clip.last)
    if not images:
        raise DataError(f"folder {folder} holds no image {clip.first}-{clip.last}")
    found = (len(images), images[0][0], images[-1][0])
    if found != (clip.frames, clip.first, clip.last):
        raise DataError(
            f"{folder} holds {found[0]} images {found[1]}-{found[2]}, the "
            f"manifest says {clip.frames} images {clip.first}-{clip.last}; {INDEX_AGAIN}"
        )
    for counter, path in images:
        # imdecode of the bytes, because imread cannot open every Unicode path on every system.
        content = path.read_bytes()
        if not is_whole(content):
            raise DataError(
                f"frame {counter}: {path} cannot be decoded: it ends early, or is no image"
            )
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise DataError(f"frame {counter}: {path} cannot be decoded")
        # A gap in the counters is a gap in time: the camera dropped a frame.
        yield image, counter, (counter - clip.first) / clip.fps


def _video(path: Path, clip: Clip) -> Iterator[tuple[np.ndarray, int, float]]:
    # Nothing is sought: a container's index may be wrong.
    shown, start = 0, None
    for picture, stamp in timed_pictures(path):
        if shown == clip.first:
            start = stamp
        if shown >= clip.first:
            yield _upright(picture), shown, _time_s(path, clip, shown, stamp, start)
        shown += 1
        if clip.last and shown > clip.last:
            break
    _check_end(path, clip, shown)
    if clip.frames and shown - clip.first != clip.frames:
        raise DataError(
            f"{path} has {shown - clip.first} frames, the manifest says {clip.frames}; "
            f"{INDEX_AGAIN}"
        )


def _time_s(path: Path, clip: Clip, number: int, stamp: float | None, start: float | None) -> float:
    """Give the time of a video's frame since the clip's first one, whose stamp is `start`."""
    if clip.times == "fps":
        return (number - clip.first) / clip.fps
    if stamp is None or start is None:
        raise DataError(f"{path} states no frame rate; give fps in data.table")
    return stamp - start


def _check_end(path: Path, clip: Clip, shown: int) -> None:
    if not shown:
        raise DataError(f"{path} holds no frame that can be decoded")
    if shown <= clip.last:
        raise DataError(f"{path} has {shown} frames, the clip ends at frame {clip.last}")


class Stamps:
    """Time stamps of a video's frames, read once for all clips that are cut out of it.

    Every frame is decoded: containers and packets are known to count others.

    Parameters
    ----------
    path : Path
        The video.
    clips : sequence of Clip
        What lies behind the last frame of all of them is not read.
    """

    def __init__(self, path: Path, clips: Sequence[Clip]) -> None:
        stop = max(clip.last for clip in clips) if all(clip.last for clip in clips) else None
        self._path, self._stamps = path, list[float | None]()
        self._fault: DataError | None = None
        try:
            for _, stamp in timed_pictures(path):
                self._stamps.append(stamp)
                if stop is not None and len(self._stamps) > stop:
                    break
        except DataError as error:  # clips that end before it are whole
            self._fault = error
        except OSError as error:
            self._fault = DataError(f"{path}: {error.strerror}")

    def counted(self, clip: Clip) -> Clip:
        """Give a clip with the frames that will be decoded, and their rate.

        Raises
        ------
        DataError
            What decoding the clip would raise; the clip is not named.
        """
        whole = clip.last and clip.last < len(self._stamps)
        if self._fault and not whole:
            raise self._fault
        _check_end(self._path, clip, len(self._stamps))
        stamps = self._stamps[clip.first : clip.last + 1 if clip.last else None]
        times = [
            _time_s(self._path, clip, number, stamp, stamps[0])
            for number, stamp in enumerate(stamps, clip.first)
        ]
        fps = clip.fps if clip.times == "fps" else frame_rate(times)
        return clip.model_copy(update={"frames": len(stamps), "fps": fps})


def _upright(picture: av.VideoFrame) -> np.ndarray:
    """Give RGB pixels, turned as the camera's orientation asks."""
    quarters = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture.to_ndarray(format="rgb24"), quarters))


def frame_rate(time: Sequence[float] | np.ndarray) -> float:
    """Frames/s from time stamps in seconds: the inverse of their median distance.

    Raises
    ------
    DataError
        When the stamps do not increase.
    """
    if len(time) < 2:
        raise DataError("a clip of one frame has no frame rate")
    step = float(np.median(np.diff(time)))
    if step <= 0:
        raise DataError("the video's time stamps do not increase; give fps in data.table")
    return 1 / step
