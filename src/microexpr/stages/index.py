"""Stage index: the clips of the data set as ``manifest.csv``, and what is wrong with them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from microexpr import datasets, manifest
from microexpr.config import Config
from microexpr.datasets.images import in_range, is_image, list_images
from microexpr.datasets.listing import Listing, refuse, write
from microexpr.manifest import Clip

log = logging.getLogger(__name__)


def run(config: Config, output: Path, report: Path, windows: Sequence[int]) -> None:
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
        ``windows.n``, at least those that some clip is too short for.

    Raises
    ------
    DataError
        When there are problems that ``data.allow`` does not name, or the counts differ from
        ``data.expected``; see also :func:`microexpr.manifest.check`.
    """
    listing = datasets.read(config.data, config.demo)
    if config.data.kind != "demo":  # whose files are not written yet
        _drop_unreadable(listing, Path(config.data.root))
    _note_short(listing, windows)
    write(report, listing.findings)
    _log_findings(listing)
    refuse(listing.findings, config.data.allow, str(report))
    manifest.check(listing.clips, config.data.labels)
    # A copy is as complete with the subjects that are left out as it was before.
    manifest.check_counts([*listing.clips, *listing.left_out], config.data.expected)
    manifest.write(output, listing.clips)
    _log_counts(listing.clips, config.data.labels)


def _drop_unreadable(listing: Listing, root: Path) -> None:
    """Leave out clips with a file that is no image by its first bytes."""
    kept = []
    for clip in listing.clips:
        images = []
        if clip.kind == "images":
            images = in_range(list_images(root / clip.source), clip.first, clip.last)
        wrong = [(counter, path) for counter, path in images if not is_image(path)]
        if not wrong:
            kept.append(clip)
            continue
        more = f" ({len(wrong)} such files)" if len(wrong) > 1 else ""
        detail = f"frame {wrong[0][0]}: {clip.source}/{wrong[0][1].name} is no image{more}"
        who = {"clip_id": clip.clip_id, "subject": clip.subject}
        listing.add("unreadable_files", "dropped", detail, **who)
    listing.clips = kept


def _note_short(listing: Listing, windows: Sequence[int]) -> None:
    """Note clips that are shorter than a window; a whole video is counted when it is decoded."""
    for clip in listing.clips:
        longer = [str(n) for n in windows if n > clip.length]
        if clip.length and longer:
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
