"""Stage index: the clips of the data set as ``manifest.csv``, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from microexpr.datasets.indexed import RECORD, REPORT, IndexSettings
from microexpr.stages import Option, Writes


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

    The report is written first, so that it is there when the data set is refused: DataError has one
    message per problem that ``data.allow`` does not name, or the counts that differ from
    ``data.expected``; see also :func:`.manifest.check`.
    """
    from microexpr import datasets
    from microexpr.datasets import contents, listing
    from microexpr.datasets.indexed import write_record
    from microexpr.datasets.manifest import check, check_counts, write

    data = settings.data
    report, record = report or manifest.with_name(REPORT), record or manifest.with_name(RECORD)
    found = datasets.read(data, settings.demo)
    listed = found.clips
    if data.kind != "demo":  # whose files are not written yet
        contents.look_into_files(found, Path(data.root), data.uneven)
        contents.note_long_clips(found)
    contents.note_short_clips(found, settings.windows.n)
    listing.write(report, found.findings)
    contents.log_findings(found)
    listing.refuse(found.findings, data.allow, str(report))
    check(found.clips, data.labels)
    # A copy is as complete with the subjects that are left out as it was before.
    versions = [f.detail for f in found.findings if f.problem == "table_version"]
    check_counts([*found.clips, *found.left_out], data.expected, versions)
    write(manifest, found.clips)
    used = {clip.clip_id for clip in found.clips}
    dropped = [clip for clip in listed if clip.clip_id not in used]
    write_record(record, settings, found, dropped, key)
    contents.log_counts(found.clips, data.labels)
