"""Stage decode: the frames of a shard's clips, lossless, in one cache."""

from __future__ import annotations

import logging
from bisect import bisect_left
from pathlib import Path

import numpy as np

from microexpr import cache, manifest, video
from microexpr.config import Config
from microexpr.errors import DataError
from microexpr.heap import released
from microexpr.progress import track
from microexpr.provenance import provenance
from microexpr.stages import part

log = logging.getLogger(__name__)


def run(config: Config, manifest_path: Path, subjects: list[str], output: Path) -> None:
    """Decode all clips of some subjects.

    Parameters
    ----------
    config : Config
        ``data.root``.
    manifest_path : Path
        ``manifest.csv``.
    subjects : list of str
        The shard's subjects.
    output : Path
        Cache of kind frames. It is not compressed: it is temporary, and decoding again costs less.
        Where the apex is annotated, its index in the clip is the attribute ``apex``.

    Raises
    ------
    DataError
        Naming the clip and the frame that cannot be decoded.
    """
    clips = [clip for clip in manifest.read(manifest_path) if clip.subject in subjects]
    absent = set(subjects) - {clip.subject for clip in clips}
    if absent:
        raise DataError(f"{manifest_path}: no clip of subject {', '.join(sorted(absent))}")
    made = provenance(__name__, part(config, "decode"), [manifest_path])
    with cache.create(output, "frames", made, title="Decoded frames", compression="none") as out:
        for clip in released(track(clips, "decode")):
            with out.clip(clip.clip_id, subject=clip.subject, label=clip.label) as group:
                times, numbers, repeated, last = [], [], [], None
                for frames in video.decode(Path(config.data.root), clip):
                    repeated += _repeated(frames, last)
                    last = frames.rgb[-1]
                    group.append(frames.rgb, frame=frames.number, time=frames.time)
                    times += frames.time.tolist()
                    numbers += frames.number.tolist()
                group.attributes["fps"] = clip.fps or _rate(clip, times)
                if clip.apex is not None:
                    # As an index; where the camera dropped that frame, the next one.
                    group.attributes["apex"] = bisect_left(numbers, clip.apex, hi=len(numbers) - 1)
                if repeated:
                    log.warning(
                        "clip %s: %d of %d frames equal the one before, the first is frame %d: "
                        "copied, or the camera stood still",
                        *(clip.clip_id, len(repeated), group.length, repeated[0]),
                    )
                log.info("clip %s: %d frames", clip.clip_id, group.length)


def _repeated(frames: video.Frames, last: np.ndarray | None) -> list[int]:
    """Numbers of the frames that are pixel by pixel the one before them."""
    before = [last, *frames.rgb[:-1]]
    pairs = zip(frames.number, frames.rgb, before, strict=True)
    return [int(n) for n, rgb, old in pairs if old is not None and np.array_equal(rgb, old)]


def _rate(clip: manifest.Clip, times: list[float]) -> float:
    try:
        return video.frame_rate(times)
    except DataError as error:
        raise DataError(f"clip {clip.clip_id}: {error}") from None
