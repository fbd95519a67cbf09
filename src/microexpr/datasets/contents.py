"""Look into the files of listed clips: which cannot be read, and which clips are short."""

import logging
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from microexpr.config.data import Uneven
from microexpr.datasets.decoder import Stamps, clip_axis, frame_numbers
from microexpr.datasets.listing import Listing, Who
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError
from microexpr.runtime.progress import track
from microexpr.video.picture import is_image
from microexpr.video.suffixes import in_range, list_images

log = logging.getLogger(__name__)
LONG = {  # seconds
    0.5: "the usual bound of a micro-expression",
    2.0: "which no definition calls a micro-expression",
}


def look_into_files(listing: Listing, root: Path, uneven: Uneven = "resample") -> None:
    """Count the frames of videos, and leave out clips whose files cannot be read or resampled."""
    videos: dict[str, list[Clip]] = {}
    for clip in listing.clips:
        if clip.kind == "video":
            videos.setdefault(clip.source, []).append(clip)

    @cache
    def stamps(source: str) -> Stamps:
        return Stamps(root / source, videos[source])

    kept = []
    for clip in track(listing.clips, "index"):
        who = Who(clip_id=clip.clip_id, subject=clip.subject)
        with listing.noted("unreadable_files", who=who):
            if clip.kind == "images":
                _check_images(root, clip)
                axis = clip_axis(root, clip)
            else:
                axis = stamps(clip.source).axis(clip)
                for text in stamps(clip.source).notices:
                    listing.add("interlaced", "kept", text, **who)
            with listing.noted("uneven_times", who=who):
                axis.check(frame_numbers(clip, axis), uneven)
                # The rate of images is that of their counters.
                found = {"frames": len(axis.stamps), "resampled": 0 if axis.even else len(axis)}
                fps = clip.fps if clip.times == "fps" else axis.fps
                kept.append(clip.model_copy(update={**found, "fps": fps}))
                if not axis.even:
                    listing.add("resampled", "corrected", axis.summary(), **who)
    listing.clips = kept


def _check_images(root: Path, clip: Clip) -> None:
    """Refuse a clip with a file that is no image by its first bytes."""
    images = in_range(list_images(root / clip.source), clip.first, clip.last)
    wrong = [(counter, path) for counter, path in images if not is_image(path)]
    if wrong:
        counter, path = wrong[0]
        more = f" ({len(wrong)} such files)" if len(wrong) > 1 else ""
        raise DataError(f"frame {counter}: {clip.source}/{path.name} is no image{more}")


def note_short_clips(listing: Listing, windows: Sequence[int]) -> None:
    """Add a finding for each clip that is shorter than one of the window lengths."""
    for clip in listing.clips:
        longer = [str(n) for n in windows if n > clip.length]
        if longer:
            detail = f"{clip.length} frames are fewer than windows.n {', '.join(longer)}"
            who = Who(clip_id=clip.clip_id, subject=clip.subject)
            listing.add("short_clips", "kept", f"{detail} (see windows.short)", **who)


def note_long_clips(listing: Listing) -> None:
    """Count the clips that last longer than a micro-expression can."""
    timed = (clip for clip in listing.clips if clip.fps)
    # A gap in the counters of images is time too.
    lengths = {c.clip_id: max(c.length, c.last - c.first + 1) / c.fps for c in timed}
    for limit, meaning in LONG.items():
        longer = [clip_id for clip_id, seconds in lengths.items() if seconds > limit]
        if longer:
            last = max(longer, key=lengths.__getitem__)
            detail = f"{len(longer)} of {len(lengths)} clips last over {limit} s, {meaning}"
            detail += f"; the longest, {last}, lasts {lengths[last]:.2f} s"
            listing.add("long_clips", "kept", detail)


def log_findings(listing: Listing) -> None:
    """Log how many findings there are of each kind, and the first one."""
    for problem, count in Counter(f.problem for f in listing.findings).items():
        first = next(f for f in listing.findings if f.problem == problem)
        log.warning("%s: %d, the first: %s", problem, count, first)


def log_counts(clips: Sequence[Clip], labels: Sequence[str]) -> None:
    """Log how many clips, subjects and frames there are."""
    subjects = len({clip.subject for clip in clips})
    found = Counter(clip.label for clip in clips)
    frames = sum(clip.frames for clip in clips)
    counts = ", ".join(f"{name} {found[name]}" for name in labels)
    log.info("%d clips of %d subjects, %d frames listed; %s", len(clips), subjects, frames, counts)
