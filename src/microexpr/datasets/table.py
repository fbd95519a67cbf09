"""Any videos: a CSV with one line a clip."""

from __future__ import annotations

import csv
from pathlib import Path

from microexpr.config import Data
from microexpr.datasets.images import list_images
from microexpr.errors import DataError
from microexpr.manifest import Clip, identifier

COLUMNS = ("path", "subject", "label")


def read(data: Data) -> list[Clip]:
    """List the clips of ``data.table``.

    Parameters
    ----------
    data : Data
        ``table`` is a CSV with the columns path (a video file or a folder of numbered images,
        relative to ``root``), subject, label, and optionally clip_id and fps (frames/s of the
        camera; without it a video's time stamps are used, for images ``data.fps``).

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
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"data.table: {data.table} cannot be read ({error})") from None
    missing = set(COLUMNS) - set(reader.fieldnames or ())
    if missing:
        raise DataError(f"data.table: {data.table} has no column {', '.join(sorted(missing))}")
    return [_clip(row, number, data) for number, row in enumerate(rows, 2)]


def _clip(row: dict[str, str | None], number: int, data: Data) -> Clip:
    values = {key: (row.get(key) or "").strip() for key in (*COLUMNS, "clip_id", "fps")}
    for column in COLUMNS:
        if not values[column]:
            raise DataError(f"{data.table}: line {number}: column {column} is empty")
    path = Path(data.root) / values["path"]
    if not path.exists():
        raise DataError(f"{data.table}: line {number}: {path} does not exist (data.root)")
    images = list_images(path) if path.is_dir() else []
    subject = identifier(values["subject"])
    return Clip(
        clip_id=identifier(values["clip_id"] or f"{values['subject']}_{path.stem}"),
        subject=subject,
        label=values["label"],
        kind="images" if path.is_dir() else "video",
        source=values["path"],
        frames=len(images),
        first=images[0][0] if images else 0,
        last=images[-1][0] if images else 0,
        fps=_fps(values["fps"], number, data) or (data.fps if path.is_dir() else 0.0),
    )


def _fps(text: str, number: int, data: Data) -> float:
    if not text:
        return 0.0
    try:
        fps = float(text)
    except ValueError:
        fps = -1.0
    if not 0 < fps < 1e6:
        raise DataError(f"{data.table}: line {number}: fps {text!r} is not a positive number")
    return fps
