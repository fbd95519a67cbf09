"""Frames of the clips of a manifest, read strictly, never more than a chunk in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, about_clip
from microexpr.video.reading import Picture, image_pictures, of_one_size, video_pictures
from microexpr.video.suffixes import in_range, list_images
from microexpr.video.time_axis import frame_rate

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
    """Decode a clip (a row of the manifest, below ``data.root``); nothing else is read.

    Yields
    ------
    Frames
        Chunks of up to 32 frames, counted as they come: a container's own count is not trusted.

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
        pictures = _images(source, clip) if clip.kind == "images" else _video(source, clip)
        rows = _timed(of_one_size(pictures), source, clip)
        while batch := list(islice(rows, CHUNK)):
            rgb, number, time = zip(*batch, strict=True)
            yield Frames(np.stack(rgb), np.array(number), np.array(time))


def _timed(
    pictures: Iterable[Picture], source: Path, clip: Clip
) -> Iterator[tuple[np.ndarray, int, float]]:
    first: Picture | None = None
    for picture in pictures:
        first = first or picture
        time = _time_s(source, clip, picture.number, picture.time_s, first.time_s)
        yield picture.rgb(), picture.number, time


def _images(folder: Path, clip: Clip) -> Iterator[Picture]:
    images = in_range(list_images(folder), clip.first, clip.last)
    if not images:
        raise DataError(f"folder {folder} holds no image {clip.first}-{clip.last}")
    found = (len(images), images[0][0], images[-1][0])
    if found != (clip.frames, clip.first, clip.last):
        raise DataError(
            f"{folder} holds {found[0]} images {found[1]}-{found[2]}, the "
            f"manifest says {clip.frames} images {clip.first}-{clip.last}; {INDEX_AGAIN}"
        )
    yield from image_pictures(images, "strict")


def _video(path: Path, clip: Clip) -> Iterator[Picture]:
    shown = 0
    for picture in video_pictures(path, "strict"):
        if picture.number >= clip.first:
            yield picture
        shown += 1
        if clip.last and shown > clip.last:
            break
    _check_end(path, clip, shown)
    if clip.frames and shown - clip.first != clip.frames:
        raise DataError(
            f"{path} has {shown - clip.first} frames, the manifest says {clip.frames}; "
            f"{INDEX_AGAIN}"
        )


def _time_s(
    source: Path, clip: Clip, number: int, stamp: float | None, start: float | None
) -> float:
    """Return the time of a frame since the clip's first one, whose stamp is `start`."""
    if clip.kind == "images" or clip.times == "fps":
        # A gap in the counters is a gap in time: the camera dropped a frame.
        return (number - clip.first) / clip.fps
    if stamp is None or start is None:
        raise DataError(f"{source} states no frame rate; give fps in data.table")
    return stamp - start


def _check_end(path: Path, clip: Clip, shown: int) -> None:
    if shown <= clip.last:
        raise DataError(f"{path} has {shown} frames, the clip ends at frame {clip.last}")


class Stamps:
    """Time stamps of a video's frames, read once for all `clips` that are cut out of it.

    Every frame is decoded, up to the last that a clip needs: containers and packets are known to
    count others.
    """

    def __init__(self, path: Path, clips: Sequence[Clip]) -> None:
        stop = max(clip.last for clip in clips) + 1 if all(clip.last for clip in clips) else None
        self._path = path
        self._stamps: list[float | None] = []
        self._fault: DataError | None = None
        try:
            for picture in islice(video_pictures(path, "strict"), stop):
                self._stamps.append(picture.time_s)
        except DataError as error:  # clips that end before it are whole
            self._fault = error
        except OSError as error:
            self._fault = DataError(f"{path}: {error.strerror}")

    def counted(self, clip: Clip) -> Clip:
        """Return a clip with the number and the rate of the frames that will be decoded.

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
