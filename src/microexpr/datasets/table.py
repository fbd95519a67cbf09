"""Any videos: a CSV with one line a clip."""

from __future__ import annotations

import csv
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.images import list_images
from microexpr.datasets.labels import Labels
from microexpr.datasets.listing import Listing
from microexpr.datasets.sheets import frame_number
from microexpr.errors import DataError
from microexpr.manifest import Clip, identifier

COLUMNS = ("path", "subject", "label")
FRAMES = ("onset", "apex", "offset")


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

    Raises
    ------
    DataError
        Naming the line and the column that is missing or wrong.
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
        _add(listing, labels, row, f"{data.table}: line {number}", data)
    return listing


def _add(
    listing: Listing, labels: Labels, row: dict[str, str | None], where: str, data: Data
) -> None:
    values = {key: (row.get(key) or "").strip() for key in (*COLUMNS, "clip_id", "fps", *FRAMES)}
    for column in COLUMNS:
        if not values[column]:
            raise DataError(f"{where}: column {column} is empty")
    path = Path(data.root) / values["path"]
    if not path.exists():
        raise DataError(f"{where}: {path} does not exist (data.root)")
    who = {
        "clip_id": identifier(values["clip_id"] or f"{values['subject']}_{path.stem}"),
        "subject": identifier(values["subject"]),
    }
    label = labels.of(values["label"], listing, detail=where, **who)
    if label is None:
        return
    rate = _number(values["fps"], "fps", where)
    frames = {key: _frame(values[key], key, where) for key in FRAMES}
    onset, apex, offset = frames.values()
    if (onset is None) != (offset is None):
        raise DataError(f"{where}: give onset and offset, or neither")
    if onset is not None and not onset <= (onset if apex is None else apex) <= offset > onset:
        raise DataError(f"{where}: onset {onset}, apex {apex}, offset {offset} do not increase")
    common = {**who, "label": label, "source": values["path"], **frames}
    span = None if onset is None else (onset, offset)
    if path.is_dir():
        if not (rate or data.fps):
            raise DataError(f"{where}: images need a frame rate: column fps, or data.fps")
        listing.add_images(list_images(path), span=span, fps=rate or data.fps, **common)
    else:
        first, last = span or (0, 0)
        clip = Clip(**common, kind="video", frames=0, first=first, last=last, fps=rate or 0.0)
        listing.clips.append(clip)


def _number(text: str, column: str, where: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e6:
        raise DataError(f"{where}: {column} {text!r} is not a positive number")
    return number


def _frame(text: str, column: str, where: str) -> int | None:
    number = frame_number(text)
    if text and number is None:
        raise DataError(f"{where}: {column} {text!r} is not a frame number")
    return number
