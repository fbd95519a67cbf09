"""Stages index, demo and decode: from the data set to the frames of its clips."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from microexpr.config import Demo
from microexpr.config.base import Settings
from microexpr.datasets.indexed import RECORD, REPORT, IndexSettings
from microexpr.errors import DataError, Faults
from microexpr.fingerprints.code import Code
from microexpr.stages import Manifest, Option, Writes


def index(
    settings: IndexSettings,
    *,
    manifest: Annotated[Path, Writes("manifest.csv")],
    report: Annotated[
        Path | None, Writes("problems, corrections and omissions [manifest_report.csv beside it]")
    ] = None,
    record: Annotated[
        Path | None, Writes("for planning without the data set [index.json beside it]")
    ] = None,
    key: Annotated[str, Option("noted in the record: what the manifest follows from")] = "",
) -> None:
    """List and validate the clips of the data set.

    The report is written first, so that it is there when the data set is refused (DataError).
    """
    from microexpr import datasets
    from microexpr.datasets import decoder, listing
    from microexpr.datasets.indexed import write_record
    from microexpr.datasets.manifest import check, check_counts, write

    data = settings.data
    report, record = report or manifest.with_name(REPORT), record or manifest.with_name(RECORD)
    found = datasets.read(data, settings.demo)
    listed = found.clips
    if data.kind != "demo":  # whose files are not written yet
        decoder.look_into_files(found, Path(data.root), data.uneven)
        decoder.note_long_clips(found)
    decoder.note_short_clips(found, settings.windows.n)
    listing.write(report, found.findings)
    decoder.log_findings(found)
    listing.refuse(found.findings, data.allow, str(report))
    check(found.clips, data.labels)
    # A copy is as complete with the subjects that are left out as it was before.
    versions = [f.detail for f in found.findings if f.problem == "table_version"]
    check_counts([*found.clips, *found.left_out], data.expected, versions)
    write(manifest, found.clips)
    used = {clip.clip_id for clip in found.clips}
    dropped = [clip for clip in listed if clip.clip_id not in used]
    write_record(record, settings, found, dropped, key)
    decoder.log_counts(found.clips, data.labels)


class DemoSettings(Settings):
    """What the generated clips follow from."""

    demo: Demo


def demo(
    settings: DemoSettings,
    *,
    done: Annotated[Path, Writes("list of the clips (.json), written when all of them are")],
    root: Annotated[Path, Writes("folder that will hold SMIC_all_raw and truth")],
    subjects: Annotated[Sequence[str], Option("only these [all]")] = (),
) -> None:
    """Write clips of generated faces and their ground truth, in SMIC's layout."""
    from microexpr.demo.tree import write
    from microexpr.runtime.files import write_json

    clips = write(root, settings.demo, subjects or None)
    write_json(done, [clip.clip_id for clip in clips])


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
