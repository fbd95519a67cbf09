"""The files that clips are decoded from: whether they are still those that were decoded.

The stage decode leaves a record of each shard. Planning compares sizes and dates; where only a date
differs, as in a copy, the bytes decide. What counts for Snakemake is the shard's *token*: another
one when, and only when, the content is another.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, lacking
from microexpr.runtime.files import read_note, sha256_of, write_json
from microexpr.video.suffixes import in_range, list_images

# Shards whose dates changed and whose bytes did not: a note, so that they are read once only.
NOTE = Path(".snakemake/microexpr/sources.json")


@dataclass(frozen=True)
class Stamp:
    """What is known of a clip's files without reading them."""

    sizes: str  # checksum of their names and sizes
    dates: str  # checksum of the times of their last change, in ns


class Record(BaseModel):
    """What stage decode has read for a shard; all but the first by clip."""

    token: str  # the parameter of the job
    stamps: dict[str, Stamp]  # from before its files were read
    contents: dict[str, str]  # checksum over its files
    frames: dict[str, str]  # checksum over its decoded frames


def files_of(root: Path, clip: Clip) -> list[Path]:
    """List the files of a clip in the order in which they are read."""
    place = root / clip.source
    if clip.kind == "video":
        return [place]
    return [path for _, path in in_range(list_images(place), clip.first, clip.last)]


def stamp(root: Path, clip: Clip) -> Stamp | None:
    """Look at a clip's files; None where one is not there; DataError: images without an order."""
    seen = []
    with suppress(OSError):
        seen = [(path.name, path.stat()) for path in files_of(root, clip)]
    if not seen:
        return None
    sizes = "".join(f"{name} {found.st_size}\n" for name, found in seen)
    dates = "".join(f"{found.st_mtime_ns}\n" for _, found in seen)
    return Stamp(_digest(sizes), _digest(dates))


def content(root: Path, clip: Clip) -> str:
    """Return a checksum over the bytes of a clip's files; DataError names what cannot be read."""
    try:
        seen = [(path, path.stat()) for path in files_of(root, clip)]
        sums = [f"{p.name} {_sum(p, found.st_size, found.st_mtime_ns)}\n" for p, found in seen]
    except OSError as error:
        if lacking(error):
            raise
        name = error.filename or root / clip.source
        raise DataError(f"clip {clip.clip_id}: {name}: {error.strerror}") from None
    return _digest("".join(sums))


def record(
    path: Path, token: str, root: Path, clips: Sequence[Clip]
) -> Callable[[Mapping[str, str]], None]:
    """Look at the files of a shard's clips below `root` before they are decoded.

    Call what is returned when all are, with checksums of their frames: it writes the record `path`
    with the job's parameter `token`. A file that was changed in between is found by its older date.
    """
    stamps = {}
    for clip in clips:
        with suppress(DataError):  # the decoder says the same, of all clips together
            stamps[clip.clip_id] = stamp(root, clip)

    def finish(frames: Mapping[str, str]) -> None:
        contents = {clip.clip_id: content(root, clip) for clip in clips}
        seen = {name: found for name, found in stamps.items() if found is not None}
        found = Record(token=token, stamps=seen, contents=contents, frames=dict(frames))
        write_json(path, found.model_dump())

    return finish


def decoded_frames(records: Iterable[Path]) -> dict[str, str]:
    """Read the checksum of each clip's decoded frames; DataError: a record cannot be read."""
    found: dict[str, str] = {}
    for path in records:
        if (known := read_record(path)) is None:
            raise DataError(f"{path}: cannot be read; snakemake --forcerun decode")
        found |= known.frames
    return found


def read_record(path: Path) -> Record | None:
    """Read the record of a shard; None where there is none, or not one that can be read."""
    with suppress(OSError, ValueError):
        return Record.model_validate_json(path.read_bytes())
    return None


def token(
    shard: str, path: Path, root: Path, clips: Sequence[Clip], *, tell: Callable[[str], None]
) -> str:
    """Return the token of a shard's sources: another one when, and only when, they changed.

    `path` is the record that stage decode wrote. Where a file is not below `root`, nothing can have
    changed. `tell` is called before files are read as a whole. DataError: one cannot be read.
    """
    known, stamps = read_record(path), {clip.clip_id: stamp(root, clip) for clip in clips}
    there = {name: found for name, found in stamps.items() if found is not None}
    lines = (f"{name} {found.sizes} {found.dates}\n" for name, found in sorted(there.items()))
    fresh = _digest("".join(lines))[:16]
    if known is None:
        return fresh
    before = known.stamps
    changed = [c for c in clips if c.clip_id in there and there[c.clip_id] != before.get(c.clip_id)]
    # Files with these dates may be known to have the content that was decoded.
    notes, note = read_note(NOTE), [known.token, fresh]
    if not changed or notes.get(shard) == note:
        return known.token
    if set(before) != set(stamps) or any(now.sizes != before[k].sizes for k, now in there.items()):
        return fresh
    tell(f"{shard}: dates of {len(changed)} clips changed, comparing their content")
    if any(content(root, clip) != known.contents.get(clip.clip_id) for clip in changed):
        return fresh
    with suppress(OSError):  # read-only, say: they are compared again the next time
        write_json(NOTE, notes | {shard: note})
    return known.token


@cache
def _sum(path: Path, size: int, changed_ns: int) -> str:
    """Checksum of a file; several clips may be parts of one video."""
    del size, changed_ns  # a file that was written anew is read anew
    return sha256_of(path)


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()  # names of files may be no UTF-8


def available(root: Path) -> bool:
    """Tell whether a data set is there: the folder of a disk that is unplugged may be empty."""
    with suppress(OSError), os.scandir(root) as entries:
        return any(True for _ in entries)
    return False
