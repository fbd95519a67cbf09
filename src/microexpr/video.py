"""Decoding: frames in order, each with its number and time, never more than a chunk in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from microexpr.container import timed_pictures
from microexpr.datasets.images import in_range, is_whole, list_images
from microexpr.errors import DataError
from microexpr.manifest import Clip

CHUNK = 32  # frames; 640x480 RGB: 29 MB


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
        When the source is missing or empty, a frame cannot be decoded, the sizes differ, or the
        images are not those of the manifest.
    """
    source = root / clip.source
    if not source.exists():
        raise DataError(f"clip {clip.clip_id}: {source} does not exist (data.root)")
    frames = _images(source, clip) if clip.kind == "images" else _video(source, clip)
    size = None
    batch: list[tuple[np.ndarray, int, float]] = []
    for rgb, number, time in frames:
        size = size or rgb.shape
        if rgb.shape != size:
            raise DataError(
                f"clip {clip.clip_id}: frame {number} is {rgb.shape[1]}x{rgb.shape[0]} px, "
                f"the frames before are {size[1]}x{size[0]}"
            )
        batch.append((rgb, number, time))
        if len(batch) == CHUNK:
            yield _stack(batch)
            batch = []
    if size is None:
        raise DataError(f"clip {clip.clip_id}: {source} holds no frame that can be decoded")
    if batch:
        yield _stack(batch)


def _stack(batch: list[tuple[np.ndarray, int, float]]) -> Frames:
    rgb, number, time = zip(*batch, strict=True)
    return Frames(np.stack(rgb), np.array(number), np.array(time))


def _images(folder: Path, clip: Clip) -> Iterator[tuple[np.ndarray, int, float]]:
    images = in_range(list_images(folder), clip.first, clip.last)
    if not images:
        raise DataError(
            f"clip {clip.clip_id}: folder {folder} holds no image {clip.first}-{clip.last}"
        )
    found = (len(images), images[0][0], images[-1][0])
    if found != (clip.frames, clip.first, clip.last):
        raise DataError(
            f"clip {clip.clip_id}: {folder} holds {found[0]} images {found[1]}-{found[2]}, the "
            f"manifest says {clip.frames} images {clip.first}-{clip.last}"
        )
    for counter, path in images:
        # imdecode of the bytes, because imread cannot open every Unicode path on every system.
        content = path.read_bytes()
        if not is_whole(content):
            raise DataError(
                f"clip {clip.clip_id}: frame {counter}: {path} cannot be decoded: "
                "it ends early, or is no image"
            )
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
        if image is None:
            raise DataError(f"clip {clip.clip_id}: frame {counter}: {path} cannot be decoded")
        # A gap in the counters is a gap in time: the camera dropped a frame.
        yield image, counter, (counter - clip.first) / clip.fps


def _video(path: Path, clip: Clip) -> Iterator[tuple[np.ndarray, int, float]]:
    # Nothing is sought: a container's index may be wrong.
    number, start = 0, 0.0
    try:
        for picture, stamp in timed_pictures(path):
            if number >= clip.first:
                if stamp is None and not clip.fps:
                    raise DataError(f"{path} states no frame rate; give fps in data.table")
                start = stamp or 0.0 if number == clip.first else start
                time = (number - clip.first) / clip.fps if clip.fps else stamp - start
                yield _upright(picture), number, time
            number += 1
            if clip.last and number > clip.last:
                return
    except DataError as error:
        raise DataError(f"clip {clip.clip_id}: {error}") from None
    if number <= clip.last:
        raise DataError(
            f"clip {clip.clip_id}: {path} has {number} frames, the manifest ends at frame "
            f"{clip.last}"
        )


def _upright(picture: av.VideoFrame) -> np.ndarray:
    """Give RGB pixels, turned as the camera's orientation asks."""
    quarters = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture.to_ndarray(format="rgb24"), quarters))


def frame_rate(time: np.ndarray) -> float:
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
