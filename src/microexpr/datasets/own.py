"""Clips of no release: listed in a table, sorted into one folder per class, or generated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microexpr.config import Data, Demo
from microexpr.datasets.annotated import ACTION_UNITS, action_units
from microexpr.datasets.listing import About, Labels, Listing, Who
from microexpr.datasets.manifest import Clip
from microexpr.datasets.sheets import Cell, frame_number, frame_rate, text, with_header
from microexpr.demo import FPS, clip_names
from microexpr.errors import ConfigError, DataError
from microexpr.runtime.names import Names, identifier
from microexpr.video.suffixes import VIDEOS, folders, inside, list_images

REQUIRED, FRAMES = ("path", "subject", "label"), ("onset", "apex", "offset")
COLUMNS: dict[str, tuple[str, ...]] = {name: (name,) for name in REQUIRED}
COLUMNS |= {f"{name}?": (name,) for name in ("clip_id", "fps", "split", *FRAMES)}
COLUMNS["action_units?"] = ("action_units", *ACTION_UNITS)


def read_table(data: Data) -> Listing:
    """List the clips of the table ``data.table``, a .csv or .xlsx file.

    path is a video or a folder of numbered images, relative to ``data.root``. onset, apex and
    offset are counters of images, or numbers from 0 of a video's frames, and cut it. DataError: no
    table.
    """
    if data.table is None:
        raise DataError("data.table: kind video needs a table with path, subject and label")
    listing, labels, people = Listing(), Labels(data), Names("subjects")
    try:
        rows = with_header(Path(data.table), COLUMNS, None)
    except DataError as error:
        raise DataError(f"data.table: {error}") from None
    for number, cells in rows:
        where, who = f"{data.table}: line {number}", Who()
        with listing.noted("unreadable_rows", where, who):
            who.update(_who(cells, people))
            _add_line(listing, labels, cells, data, where=where, who=who)
    return listing


def _path(cells: Mapping[str, Cell]) -> str:
    """Return the path as printed: a file's name keeps its form of an umlaut."""
    return "" if cells["path"] is None else str(cells["path"]).strip()


def _who(cells: Mapping[str, Cell], people: Names) -> Who:
    for column in REQUIRED:
        if not text(cells[column]):
            raise DataError(f"column {column} is empty")
    subject = text(cells["subject"])
    name = text(cells.get("clip_id")) or f"{subject}_{Path(_path(cells)).stem}"
    return {"clip_id": identifier(name), "subject": people.of(subject)}


def _add_line(
    listing: Listing, labels: Labels, cells: Mapping[str, Cell], data: Data, *, where: str, who: Who
) -> None:
    source = _path(cells)
    path = Path(data.root) / source
    if not path.exists():
        detail = f"{where}: {path} does not exist (data.root)"
        listing.add("missing_clips", "dropped", detail, **who)
        return
    label = labels.of(text(cells["label"]), listing, detail=where, **who)
    if label is None:
        return
    fps = frame_rate(cells.get("fps"))
    onset, apex, offset = (_frame(cells.get(column), column) for column in FRAMES)
    about: About = {**who, "onset": onset, "apex": apex, "offset": offset}
    about["action_units"] = action_units(cells.get("action_units"))
    about["split"] = text(cells.get("split"))
    span = _span(onset, apex, offset)
    if path.is_dir() and not (fps := fps or data.fps):
        raise DataError("images need a frame rate: column fps, or data.fps")
    _add(listing, path, where, span=span, source=source, label=label, fps=fps or 0.0, about=about)


def _add(
    listing: Listing,
    path: Path,
    where: str,
    *,
    span: tuple[int, int] | None = None,
    about: About,
    **values: Any,
) -> None:
    """Add a video, or a folder of images; `span` cuts it."""
    if path.is_dir():
        who: Who = {"clip_id": about["clip_id"], "subject": about["subject"]}
        with listing.noted("unreadable_files", where, who):
            listing.add_images(list_images(path), span=span, **values, **about)
        return
    first, last = span or (0, 0)
    clip = Clip(kind="video", frames=0, first=first, last=last, **values, **about)
    listing.clips.append(clip)


def _span(onset: int | None, apex: int | None, offset: int | None) -> tuple[int, int] | None:
    """Return the first and the last frame; None where all frames are used."""
    if onset is None and offset is None:
        return None
    if onset is None or offset is None:
        raise DataError("give onset and offset, or neither")
    if not onset <= (onset if apex is None else apex) <= offset > onset:
        raise DataError(f"onset {onset}, apex {apex}, offset {offset} do not increase")
    return onset, offset


def _frame(cell: Cell, column: str) -> int | None:
    number = frame_number(cell)
    if number is None and text(cell):
        raise DataError(f"{column} {text(cell)!r} is not a frame number")
    return number


def read_folder(data: Data) -> Listing:
    """List the clips of a folder with one folder per class, ``<label>/<subject>_<clip>``.

    The subject is the part of the name before the first underscore. ``data.fps`` is needed for
    folders of images (ConfigError), and replaces a video's time stamps.
    """
    root = Path(data.root)
    if not root.is_dir():
        raise DataError(f"data.root: {root} is not a folder")
    listing, labels, people = Listing(), Labels(data), Names("subjects")
    for folder in folders(root):
        for path in inside(folder):
            if not (path.is_dir() or path.name.lower().endswith(VIDEOS)):
                continue
            with listing.noted("unreadable_rows", path.relative_to(root).as_posix()):
                _add_path(listing, labels, path, data, people)
    return listing


def _add_path(listing: Listing, labels: Labels, path: Path, data: Data, people: Names) -> None:
    source, emotion = path.relative_to(data.root).as_posix(), path.parent.name
    name = path.name if path.is_dir() else path.stem
    subject, underscore, _ = name.partition("_")
    clip_id = identifier(name)
    if not (subject and underscore):
        detail = f"{source}: a clip is named subject_clip, such as s1_03"
        listing.add("unreadable_rows", "dropped", detail, clip_id=clip_id)
        return
    who: Who = {"clip_id": clip_id, "subject": people.of(subject)}
    label = labels.of(emotion, listing, detail=f"folder {emotion}", **who)
    if label is None:
        return
    if path.is_dir() and data.fps is None:
        raise ConfigError(f"data.fps: {source} is a folder of images, which needs a frame rate")
    _add(listing, path, "", source=source, label=label, fps=data.fps or 0.0, about={**who})


def read_demo(data: Data, settings: Demo, *, names_only: bool = False) -> Listing:
    """List the clips that the demo writes; `names_only`: without lengths and numpy."""
    listing, labels, lengths = Listing(), Labels(data), {}
    if not names_only:
        from microexpr.demo.plan import plan  # noqa: PLC0415 (numpy, which planning does without)

        lengths = {clip.clip_id: (clip.first_counter, clip.frames) for clip in plan(settings)}
    for name in clip_names(settings):
        who: Who = {"clip_id": name.clip_id, "subject": name.subject}
        label = labels.of(name.label, listing, **who)
        if label is None:
            continue
        first, frames = lengths.get(name.clip_id, (0, 0))
        span = {"frames": frames, "first": first, "last": first + max(frames - 1, 0)}
        clip = Clip(**who, **span, label=label, kind="images", source=name.folder, fps=FPS)
        listing.clips.append(clip)
    return listing
