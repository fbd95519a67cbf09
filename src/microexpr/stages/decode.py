"""Stage decode: the frames of a shard's clips, lossless, in one cache."""

from __future__ import annotations

import logging
from bisect import bisect_left
from pathlib import Path

import numpy as np

from microexpr import cache
from microexpr.cache.provenance import provenance
from microexpr.datasets import decoder, manifest
from microexpr.errors import DataError, Faults, about_clip
from microexpr.fingerprints.code import Code
from microexpr.pipeline import sources
from microexpr.runtime.progress import track
from microexpr.runtime.resources import released
from microexpr.video.time_axis import frame_rate

log = logging.getLogger(__name__)


def run(
    root: Path,
    manifest_path: Path,
    subjects: list[str],
    output: Path,
    *,
    record: Path | None = None,
    token: str = "",
) -> None:
    """Decode all clips of some subjects.

    Parameters
    ----------
    root : Path
        ``data.root``.
    manifest_path : Path
        ``manifest.csv``.
    subjects : list of str
        The shard's subjects.
    output : Path
        Cache of kind frames. It is not compressed: it is temporary, and decoding again costs less.
        Each clip has the attributes ``fps`` and ``frames_sha256`` (over the pixels of all frames);
        where the apex is annotated, its index in the clip is the attribute ``apex``.
    record : Path, optional
        Where to write what was read, so that a change of the files is found: a JSON file.
    token : str
        What planning calls this state of the files.

    Raises
    ------
    CollectedError
        With one message per clip that cannot be decoded, which names its frame.
    """
    clips = [clip for clip in manifest.read(manifest_path) if clip.subject in subjects]
    absent = set(subjects) - {clip.subject for clip in clips}
    if absent:
        names = ", ".join(sorted(absent))
        raise DataError(
            f"{manifest_path}: no clip of subject {names}; where none of a subject's clips can be "
            f"used (see manifest_report.csv): data.leave_out: [{names}]"
        )
    rows = manifest.digest([manifest.planned(clip) for clip in clips], manifest.DECODED)
    made = provenance(Code("decode"), {"clips": rows, "sources": token}, [])
    finish = sources.record(record, token, root, clips) if record else None
    faults = Faults()
    with cache.create(output, "frames", made, title="Decoded frames", compression="none") as out:
        for clip in released(track(clips, "decode")):
            with faults.noted(clip.clip_id):
                _decode(root, clip, out)
        faults.stop()
    if finish is not None:
        finish()


def _decode(root: Path, clip: manifest.Clip, out: cache.CacheWriter) -> None:
    with out.clip(clip.clip_id) as group:
        times, numbers, repeated, last = [], [], [], None
        for frames in decoder.decode(root, clip):
            repeated += _repeated(frames, last)
            last = frames.rgb[-1]
            group.append(frames.rgb, frame=frames.number, time=frames.time)
            times += frames.time.tolist()
            numbers += frames.number.tolist()
        group.attributes["fps"] = clip.fps if clip.times == "fps" else _rate(clip, times)
        group.attributes["frames_sha256"] = group.checksum()
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


def _repeated(frames: decoder.Frames, last: np.ndarray | None) -> list[int]:
    """Numbers of the frames that are pixel by pixel the one before them."""
    before = [last, *frames.rgb[:-1]]
    pairs = zip(frames.number, frames.rgb, before, strict=True)
    return [int(n) for n, rgb, old in pairs if old is not None and np.array_equal(rgb, old)]


def _rate(clip: manifest.Clip, times: list[float]) -> float:
    with about_clip(clip.clip_id):
        return frame_rate(times)
