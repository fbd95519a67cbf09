"""Stage decode: the frames of a shard's clips, lossless, in one cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from microexpr.config.base import Settings
from microexpr.errors import DataError, Faults
from microexpr.fingerprints.code import Code
from microexpr.stages import Manifest, Option, Writes


def decode(
    settings: Settings,
    *,
    manifest: Manifest,
    frames: Annotated[Path, Writes("cache of frames")],
    record: Annotated[
        Path | None, Writes("checksums of the files that were read (.json) [none]")
    ] = None,
    root: Annotated[Path, Option("folder of the data set")],
    subjects: Annotated[list[str], Option("those of the shard")],
    token: Annotated[str, Option("name of this state of the files in the record")] = "",
) -> None:
    """Decode the clips of some subjects.

    The cache is not compressed: it is temporary, and decoding again costs less. CollectedError has
    one message per clip that cannot be decoded, which names its frame.
    """
    from microexpr.cache import create
    from microexpr.cache.clips import decode_clip
    from microexpr.cache.provenance import provenance
    from microexpr.datasets import sources
    from microexpr.datasets.manifest import DECODED, digest, planned, read
    from microexpr.runtime.progress import track
    from microexpr.runtime.resources import released

    clips = [clip for clip in read(manifest) if clip.subject in subjects]
    absent = set(subjects) - {clip.subject for clip in clips}
    if absent:
        names = ", ".join(sorted(absent))
        raise DataError(
            f"{manifest}: no clip of subject {names}; where none of a subject's clips can be "
            f"used (see manifest_report.csv): data.leave_out: [{names}]"
        )
    rows = digest([planned(clip) for clip in clips], DECODED)
    made = provenance(Code("decode"), {"clips": rows, "sources": token}, [])
    finish = sources.record(record, token, root, clips) if record else None
    faults, digests = Faults(), dict[str, str]()
    with create(frames, "frames", made, title="Decoded frames", compression="none") as out:
        for clip in released(track(clips, "decode")):
            with faults.noted(clip.clip_id):
                digests[clip.clip_id] = decode_clip(root, clip, out)
        faults.stop()
    if finish is not None:
        finish(digests)
