"""Frames of the clips of a manifest, never more than a chunk in memory; which can be read."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import chain, islice
from pathlib import Path

import numpy as np

from microexpr.config.data import Uneven
from microexpr.datasets.listing import Listing, Who
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, about_clip, lacking
from microexpr.runtime.notices import noted
from microexpr.runtime.progress import track
from microexpr.video.opening import opened
from microexpr.video.picture import Picture, Policy, image_pictures, is_image, of_one_size
from microexpr.video.rate import time_axis
from microexpr.video.reading import clock, video_pictures
from microexpr.video.suffixes import in_range, list_images
from microexpr.video.time_axis import Resampled, TimeAxis, counted, mixed

log = logging.getLogger(__name__)
LONG = {  # seconds
    0.5: "the usual bound of a micro-expression",
    2.0: "which no definition calls a micro-expression",
}
CHUNK = 32  # frames; 640x480 RGB: 29 MB
CHUNK_BYTES = 2**28  # fewer frames where they are larger than 2.8 million pixels
INDEX_AGAIN = "the files have changed since: snakemake --forcerun index"


@dataclass(frozen=True)
class Frames:
    """Consecutive frames of a clip."""

    rgb: np.ndarray  # (T, y, x, 3) uint8
    # (T,) int: camera counter of an image, or index of a video's frame; the nearest, of a frame
    # that was interpolated.
    number: np.ndarray
    time: np.ndarray  # (T,) float: s since the clip's first frame, evenly spaced


def decode(
    root: Path, clip: Clip, policy: Policy = "strict", *, axis: TimeAxis | None = None
) -> Iterator[Frames]:
    """Decode a clip (a row of the manifest, below ``data.root``) in chunks of up to 32 frames.

    Uneven frames are resampled, see :mod:`microexpr.video.time_axis`; `axis` is that of the clip
    where it is known. DataError: a frame is missing, cannot be decoded, or has another size. Under
    the policy ``lenient``, damaged frames are left out, with a notice.
    """
    with about_clip(clip.clip_id):
        source = _source(root, clip)
        axis = axis or clip_axis(root, clip, policy)
        if clip.kind == "images":
            pictures = image_pictures(_listed(source, clip), policy)
        else:
            pictures = _video(source, clip, policy)
        times = dict(zip(frame_numbers(clip, axis), axis.grid_s.tolist(), strict=True))
        known = (picture for picture in of_one_size(pictures) if picture.number in times)
        frames = ((times[picture.number], (picture.rgb(), picture.number)) for picture in known)
        even = enumerate(Resampled(frames, axis, _between))
        rows = ((rgb, number, k / axis.fps) for k, (rgb, number) in even)
        first = next(rows)
        count, every = min(CHUNK, CHUNK_BYTES // first[0].nbytes + 1), chain([first], rows)
        while batch := list(islice(every, count)):
            rgb, number, time = zip(*batch, strict=True)
            yield Frames(np.stack(rgb), np.array(number), np.array(time))


def _source(root: Path, clip: Clip) -> Path:
    source = root / clip.source
    if not source.exists():
        raise DataError(f"{source} does not exist (data.root)")
    return source


def clip_axis(root: Path, clip: Clip, policy: Policy = "strict") -> TimeAxis:
    """Return when a clip's frames were taken; DataError: unreadable, or no time is known."""
    source = _source(root, clip)
    if clip.kind == "images":
        counters, rate = [number for number, _ in _listed(source, clip)], Fraction(clip.fps)
        # A gap in the counters is a gap in time: the camera dropped a frame.
        return time_axis(counters, 1 / rate, rates=[rate], certain=True)
    if clip.frames and not clip.resampled:
        return counted(clip.frames, Fraction(clip.fps))
    return Stamps(source, [clip], policy).axis(clip)


def frame_numbers(clip: Clip, axis: TimeAxis) -> Sequence[int]:
    """Return the numbers of the frames that are there."""
    images = clip.kind == "images"
    return axis.stamps if images else range(clip.first, clip.first + len(axis.stamps))


def _between(
    before: tuple[np.ndarray, int], after: tuple[np.ndarray, int], share: float
) -> tuple[np.ndarray, int]:
    number = before[1] + share * (after[1] - before[1])
    return mixed(before[0], after[0], share), round(number)


def _listed(folder: Path, clip: Clip) -> list[tuple[int, Path]]:
    images = in_range(list_images(folder), clip.first, clip.last)
    if not images:
        raise DataError(f"folder {folder} holds no image {clip.first}-{clip.last}")
    found = f"{len(images)} images {images[0][0]}-{images[-1][0]}"
    known = f"{clip.frames} images {clip.first}-{clip.last}"
    if found != known:
        raise DataError(f"{folder} holds {found}, the manifest says {known}; {INDEX_AGAIN}")
    return images


def _video(path: Path, clip: Clip, policy: Policy) -> Iterator[Picture]:
    shown = 0
    for picture in video_pictures(path, policy):
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


def _check_end(path: Path, clip: Clip, shown: int) -> None:
    if shown <= clip.last:
        raise DataError(f"{path} has {shown} frames, the clip ends at frame {clip.last}")


class Stamps:
    """Time stamps of a video's frames, all of them decoded: containers and packets count others."""

    def __init__(self, path: Path, clips: Sequence[Clip], policy: Policy = "strict") -> None:
        stop = max(clip.last for clip in clips) + 1 if all(clip.last for clip in clips) else None
        self._path = path
        self._stamps: list[int | None] = []
        self.notices: list[str] = []
        self._fault: DataError | None = None
        try:
            with opened(path) as (_, stream):
                self._unit_s, self._rates = clock(stream)
            with noted() as self.notices:
                for picture in islice(video_pictures(path, policy), stop):
                    self._stamps.append(picture.stamp)
        except DataError as error:  # clips that end before it are whole
            self._fault = error
        except OSError as error:
            if lacking(error):
                raise
            self._fault = DataError(f"{path}: {error.strerror}")

    def axis(self, clip: Clip) -> TimeAxis:
        """Return when the frames of a clip were taken; DataError as decoding it would raise."""
        whole = clip.last and clip.last < len(self._stamps)
        if self._fault and not whole:
            raise self._fault
        _check_end(self._path, clip, len(self._stamps))
        found = self._stamps[clip.first : clip.last + 1 if clip.last else None]
        stamps = [stamp for stamp in found if stamp is not None]
        fps = clip.fps if clip.times == "fps" else None
        if len(stamps) == len(found):
            return time_axis(stamps, self._unit_s, rates=self._rates, capture_fps=fps)
        # A bare stream: the rate that it states is all there is.
        if not (fps or self._rates):
            raise DataError(f"{self._path} states no frame rate; give fps in data.table")
        return counted(len(found), Fraction(fps or self._rates[0]))


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
