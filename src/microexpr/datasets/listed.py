"""Any videos: a CSV with one line a clip."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.labels import Labels
from microexpr.datasets.listing import Listing
from microexpr.datasets.manifest import Clip, identifier
from microexpr.datasets.sheets import frame_number
from microexpr.errors import DataError
from microexpr.video.suffixes import list_images

COLUMNS = ("path", "subject", "label")
FRAMES = ("onset", "apex", "offset")
OPTIONAL = ("clip_id", "fps", *FRAMES)


def read(data: Data) -> Listing:
    """List the clips of ``data.table``.

    Parameters
    ----------
    data : Data
        ``table`` is a CSV with the columns path (a video file or a folder of numbered images,
        relative to ``root``), subject, label, and optionally clip_id, fps (frames/s of the camera;
        without it a video's time stamps are used, for images ``data.fps``) and onset, apex, offset
        (counters of images, or numbers from 0 of a video's frames). With onset and offset, only
        the frames between them are decoded.

    Returns
    -------
    Listing
        A line that cannot be read is a finding, ``unreadable_rows``.

    Raises
    ------
    DataError
        When there is no table, or it has not the columns.
    """
    if data.table is None:
        raise DataError("data.table: kind video needs a CSV with path, subject and label")
    try:
        with Path(data.table).open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, rows = set(reader.fieldnames or ()), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"data.table: {data.table} cannot be read ({error})") from None
    if missing := set(COLUMNS) - columns:
        raise DataError(f"data.table: {data.table} has no column {', '.join(sorted(missing))}")
    listing, labels = Listing(), Labels(data)
    for number, row in enumerate(rows, 2):
        values = {key: (row.get(key) or "").strip() for key in OPTIONAL + COLUMNS}
        where, line = f"{data.table}: line {number}", None
        with listing.noted("unreadable_rows", where):
            line = _Line(where, values, _who(values))
        if line is not None:
            with listing.noted("unreadable_rows", where, **line.who):
                _add(listing, labels, line, data)
    return listing


@dataclass(frozen=True)
class _Line:
    """A line of the table: where it stands, its cells, and whom it names."""

    where: str
    values: Mapping[str, str]
    who: Mapping[str, str]


def _who(values: Mapping[str, str]) -> dict[str, str]:
    """Name the clip and its subject."""
    for column in COLUMNS:
        if not values[column]:
            raise DataError(f"column {column} is empty")
    name = values["clip_id"] or f"{values['subject']}_{Path(values['path']).stem}"
    return {"clip_id": identifier(name), "subject": identifier(values["subject"])}


def _add(listing: Listing, labels: Labels, line: _Line, data: Data) -> None:
    where, values, who = line.where, line.values, line.who
    path = Path(data.root) / values["path"]
    if not path.exists():
        detail = f"{where}: {path} does not exist (data.root)"
        listing.add("missing_clips", "dropped", detail, **who)
        return
    label = labels.of(values["label"], listing, detail=where, **who)
    if label is None:
        return
    rate = _number(values["fps"], "fps")
    frames = {key: _frame(values[key], key) for key in FRAMES}
    onset, apex, offset = frames.values()
    if (onset is None) != (offset is None):
        raise DataError("give onset and offset, or neither")
    if onset is not None and not onset <= (onset if apex is None else apex) <= offset > onset:
        raise DataError(f"onset {onset}, apex {apex}, offset {offset} do not increase")
    common = {**who, "label": label, "source": values["path"], **frames}
    span = None if onset is None else (onset, offset)
    if path.is_dir():
        if not (rate or data.fps):
            raise DataError("images need a frame rate: column fps, or data.fps")
        with listing.noted("unreadable_files", where, **who):
            listing.add_images(list_images(path), span=span, fps=rate or data.fps, **common)
    else:
        first, last = span or (0, 0)
        clip = Clip(**common, kind="video", frames=0, first=first, last=last, fps=rate or 0.0)
        listing.clips.append(clip)


def _number(text: str, column: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e6:
        raise DataError(f"{column} {text!r} is not a positive number")
    return number


def _frame(text: str, column: str) -> int | None:
    number = frame_number(text)
    if text and number is None:
        raise DataError(f"{column} {text!r} is not a frame number")
    return number
