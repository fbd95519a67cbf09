"""Stage index: the clips of the data set as ``manifest.csv``, and what is wrong with them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from microexpr import datasets
from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.datasets.decoder import Stamps
from microexpr.datasets.listing import Listing, refuse, write
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError
from microexpr.pipeline.listing import write_record
from microexpr.runtime.progress import track
from microexpr.video.suffixes import in_range, is_image, list_images

log = logging.getLogger(__name__)


def run(
    config: Config,
    output: Path,
    report: Path,
    windows: Sequence[int],
    *,
    record: Path | None = None,
    key: str = "",
) -> None:
    """List and validate the clips, and write the manifest and the report.

    Parameters
    ----------
    config : Config
        Sections ``data`` and ``demo``.
    output : Path
        ``manifest.csv``.
    report : Path
        ``manifest_report.csv``: problems, corrections and omissions. It is written first, so that
        it is there when the data set is refused.
    windows : sequence of int
        ``windows.n``.
    record : Path, optional
        ``index.json``: what planning reads where the data set is not there.
    key : str
        What the manifest follows from, as planning says it; noted in the record.

    Raises
    ------
    DataError
        When there are problems that ``data.allow`` does not name, with one message per problem, or
        the counts differ from ``data.expected``; see also :func:`.manifest.check`.
    """
    listing = datasets.read(config.data, config.demo)
    listed = listing.clips
    if config.data.kind != "demo":  # whose files are not written yet
        _look_into_files(listing, Path(config.data.root))
    _note_short(listing, windows)
    write(report, listing.findings)
    _log_findings(listing)
    refuse(listing.findings, config.data.allow, str(report))
    manifest.check(listing.clips, config.data.labels)
    # A copy is as complete with the subjects that are left out as it was before.
    manifest.check_counts([*listing.clips, *listing.left_out], config.data.expected)
    manifest.write(output, listing.clips)
    if record is not None:
        used = {clip.clip_id for clip in listing.clips}
        dropped = [clip for clip in listed if clip.clip_id not in used]
        write_record(record, config, listing, dropped, key)
    _log_counts(listing.clips, config.data.labels)


def _look_into_files(listing: Listing, root: Path) -> None:
    """Count the frames of videos, and leave out clips whose files cannot be read."""
    videos: dict[str, list[Clip]] = {}
    for clip in listing.clips:
        if clip.kind == "video":
            videos.setdefault(clip.source, []).append(clip)

    @cache
    def stamps(source: str) -> Stamps:
        return Stamps(root / source, videos[source])

    kept = []
    for clip in track(listing.clips, "index"):
        with listing.noted("unreadable_files", clip_id=clip.clip_id, subject=clip.subject):
            if clip.kind == "images":
                _check_images(root, clip)
                kept.append(clip)
            else:
                kept.append(stamps(clip.source).counted(clip))
    listing.clips = kept


def _check_images(root: Path, clip: Clip) -> None:
    """Refuse a clip with a file that is no image by its first bytes."""
    images = in_range(list_images(root / clip.source), clip.first, clip.last)
    wrong = [(counter, path) for counter, path in images if not is_image(path)]
    if wrong:
        counter, path = wrong[0]
        more = f" ({len(wrong)} such files)" if len(wrong) > 1 else ""
        raise DataError(f"frame {counter}: {clip.source}/{path.name} is no image{more}")


def _note_short(listing: Listing, windows: Sequence[int]) -> None:
    """Note clips that are shorter than a window."""
    for clip in listing.clips:
        longer = [str(n) for n in windows if n > clip.length]
        if longer:
            detail = f"{clip.length} frames are fewer than windows.n {', '.join(longer)}"
            who = {"clip_id": clip.clip_id, "subject": clip.subject}
            listing.add("short_clips", "kept", f"{detail} (see windows.short)", **who)


def _log_findings(listing: Listing) -> None:
    for problem, count in Counter(f.problem for f in listing.findings).items():
        first = next(f for f in listing.findings if f.problem == problem)
        log.warning("%s: %d, the first: %s", problem, count, first)


def _log_counts(clips: Sequence[Clip], labels: Sequence[str]) -> None:
    subjects = len({clip.subject for clip in clips})
    found = Counter(clip.label for clip in clips)
    frames = sum(clip.frames for clip in clips)
    counts = ", ".join(f"{name} {found[name]}" for name in labels)
    log.info("%d clips of %d subjects, %d frames listed; %s", len(clips), subjects, frames, counts)
