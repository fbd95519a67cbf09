"""Data sets whose clips are rows of an annotation table beside folders of frames."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from microexpr.config import Data
from microexpr.datasets.corrections import correct, version
from microexpr.datasets.listing import About, Labels, Listing, Who
from microexpr.datasets.sheets import Cell, frame_number, frame_rate, text, with_header
from microexpr.datasets.tree import Tree, find_table, find_tree
from microexpr.errors import ConfigError, DataError
from microexpr.runtime.names import Names, identifier


@dataclass(frozen=True)
class Row:
    """An annotated expression, as printed; `fps` is None where the table has no such column."""

    line: int
    subject: str
    name: str
    onset: Cell
    apex: Cell
    offset: Cell
    emotion: str
    expression: str = "micro-expression"
    action_units: Cell = None
    fps: Cell = None


PRINTED = ("onset", "apex", "offset", "action_units", "fps")  # cells that stay as they are
ACTION_UNITS = ("Action Units", "AUs", "AU")
HEADERS = {  # of CASME II
    "subject": "Subject",
    "name": "Filename",
    "onset": "OnsetFrame",
    "apex": "ApexFrame",
    "offset": "OffsetFrame",
    "emotion": "Estimated Emotion",
}


def headers(**others: str) -> dict[str, tuple[str, ...]]:
    """Return the columns of a table by key: those of CASME II, but for `others`, empty: none."""
    columns = {key: (header,) for key, header in {**HEADERS, **others}.items() if header}
    return {**columns, "action_units?": ACTION_UNITS}


def action_units(cell: Cell) -> str:
    """Return action units joined by ``+``: ``R4, 5`` is ``R4+5``; empty for ``?`` and ``/``."""
    printed = text(cell)
    units = re.split(r"\s*[+,;\uff0c\u3001]\s*", "" if printed in {"?", "/"} else printed)
    return "+".join(unit for unit in units if unit)


@dataclass(frozen=True, kw_only=True)
class Release:
    """Layout of one data set: subject/clip/image<counter>.jpg beside a table with a header."""

    key: str  # data.kind
    fps: float | None  # frames/s; None where the release does not state it
    trees: Mapping[str, Sequence[str]]  # by data.version: folders that may hold the subjects
    subjects: str  # pattern of the subjects' folders, in lower case
    tables: Sequence[str]  # patterns of the table's name without suffix, in lower case
    # Spellings of the headers, see `with_header`.
    columns: Mapping[str, Sequence[str]] = field(default_factory=headers)
    # From a subject as printed to its name in the manifest; empty when it is none.
    spell: Callable[[str], str] = str.strip
    own_names: bool = False  # a clip's name contains its subject already
    clip_folders: bool = True  # each folder of a subject is a clip: without a row, a finding
    several: bool = False  # expressions in one folder: the onset is part of a clip's name
    split: str = ""  # part of the release's official split that these clips belong to

    def rows(self, table: Path, data: Data) -> Iterable[Row]:
        """Read the table; `data` selects the sheet where a table has several."""
        for line, cells in with_header(table, self.columns):
            kept: dict[str, Any] = {key: cells.get(key) for key in PRINTED}
            subject, name = self.spell(text(cells["subject"])), text(cells["name"])
            emotion = text(cells["emotion"])
            yield Row(line=line, subject=subject, name=name, emotion=emotion, **kept)

    def folder(self, tree: Tree, row: Row) -> Path | None:
        """Find the frames of a row."""
        return tree.find(row.subject, row.name)

    def clip_id(self, row: Row) -> str:
        """Return the name of a row's clip, such as ``spNO.1_a_355`` with its onset."""
        name = self._name(row.subject, row.name)
        return f"{name}_{text(row.onset)}" if self.several else name

    def clips(self, tree: Tree) -> list[Path]:
        """Return all folders of clips."""
        return tree.grandchildren()

    def owner(self, folder: Path) -> Who:
        """Return the clip that a folder would be, and its subject where the name contains it."""
        subject = self.spell(folder.parent.name)
        clip_id = identifier(self._name(subject, folder.name))
        return {"clip_id": clip_id, "subject": identifier(subject) if subject else ""}

    def _name(self, subject: str, name: str) -> str:
        return name if self.own_names else f"{subject}_{name}"


def read(data: Data, release: Release) -> Listing:
    """List the clips of a release; DataError, ConfigError name what is missing."""
    if not (data.fps or release.fps or "fps" in release.columns):
        raise ConfigError(f"data.fps: kind {release.key} needs it, the release does not state it")
    if data.version not in release.trees:
        known = ", ".join(release.trees)
        raise ConfigError(
            f"data.version: kind {release.key} has no tree {data.version!r}, only {known}"
        )
    tree = find_tree(Path(data.root), release.trees[data.version], release.subjects)
    table = find_table(Path(data.root), tree, data.table, release.tables)
    rows = list(release.rows(table, data))
    reader = _Reader(data, release, tree, table.name)
    # Where no row has an apex, a missing one is no finding.
    reader.has_apex = any(frame_number(row.apex) is not None for row in rows)
    for row in rows:
        where, who = f"{table.name} line {row.line}", Who()
        with reader.listing.noted("unreadable_rows", where, who):
            who.update(reader.who(row, where))
            if who:
                reader.take(row, where, who)
    if known := version(release.key, {(row.subject, row.name): row.emotion for row in rows}):
        reader.listing.add("table_version", "kept", f"{table.name}: {known}")
    for folder in release.clips(tree) if release.clip_folders else ():
        if folder not in reader.folders:
            source = folder.relative_to(data.root).as_posix()
            detail = f"folder {source} is in no row of {table.name}"
            with reader.listing.noted("unlisted_clips", detail):
                who = release.owner(folder)
                reader.listing.add("unlisted_clips", "dropped", detail, **who)
    return reader.listing


class _Reader:
    """Turns rows into clips and findings."""

    def __init__(self, data: Data, release: Release, tree: Tree, table: str) -> None:
        self.listing = Listing()
        self._release, self._tree, self._table = release, tree, table
        self._root, self._fps = Path(data.root), data.fps or release.fps
        self._labels, self._people = Labels(data), Names("subjects")
        self._taken: dict[tuple[str, ...], int] = {}
        self.folders: set[Path] = set()
        self.has_apex = True

    def who(self, row: Row, where: str) -> Who:
        """Return clip and subject; empty, with a finding, for a row that lacks something."""
        who = Who()
        if row.subject and row.name:
            clip_id = identifier(self._release.clip_id(row))
            who = {"clip_id": clip_id, "subject": self._people.of(row.subject)}
            if row.emotion:
                return who
        cells = f"subject {row.subject!r}, clip {row.name!r}, emotion {row.emotion!r}"
        self.listing.add("unreadable_rows", "dropped", f"{where}: {cells}", **who)
        return {}

    def take(self, row: Row, where: str, who: Who) -> None:
        """Add the clip of a row to the listing, or a finding."""
        folder = self._release.folder(self._tree, row)
        if folder is not None:
            self.folders.add(folder)
        if "macro" in row.expression.casefold():
            self.listing.add("macro_expression", "dropped", f"{where}: {row.expression}", **who)
            return
        label = self._labels.of(row.emotion, self.listing, detail=where, **who)
        if label is None:
            return
        frames = self._frames(row, where, who)
        if frames is None or self._again(folder, frames, who, row.line):
            return
        if folder is None:
            detail = f"{where}: no folder for clip {row.name} of {row.subject} in {self._tree.root}"
            self.listing.add("missing_clips", "dropped", detail, **who)
            return
        fps = self._fps or frame_rate(row.fps)
        if not fps:
            raise DataError("the cell fps is empty")
        onset, apex, offset = frames
        about: About = {**who, "onset": onset, "apex": apex, "offset": offset}
        about["action_units"], about["split"] = action_units(row.action_units), self._release.split
        source, span = folder.relative_to(self._root).as_posix(), (onset, offset)
        with self.listing.noted("unreadable_files", where, who):
            images = self._tree.images(folder)
            self.listing.add_images(images, span=span, fps=fps, source=source, label=label, **about)

    def _frames(self, row: Row, where: str, who: Who) -> tuple[int, int | None, int] | None:
        printed = {key: frame_number(getattr(row, key)) for key in ("onset", "apex", "offset")}
        frames, note = correct(self._release.key, row.subject, row.name, printed)
        if note:
            self.listing.add("annotation_error", "corrected", f"{where}: {note}", **who)
        onset, apex, offset = frames["onset"], frames["apex"], frames["offset"]
        if onset is None or offset is None or onset > offset:
            detail = f"{where}: onset {row.onset!r}, offset {row.offset!r}"
            self.listing.add("unreadable_rows", "dropped", detail, **who)
            return None
        if apex is not None and not onset <= apex <= offset:
            detail = f"{where}: apex {apex} lies outside {onset}-{offset} and is not used"
            self.listing.add("missing_apex", "kept", detail, **who)
            return onset, None, offset
        if apex is None and printed["apex"] is None and self.has_apex:
            detail = f"{where}: apex {row.apex!r} is no frame number"
            self.listing.add("missing_apex", "kept", detail, **who)
        return onset, apex, offset

    def _again(
        self, folder: Path | None, frames: tuple[int, int | None, int], who: Who, line: int
    ) -> bool:
        """Whether an earlier row has the same name or the same frames; then add a finding."""
        keys = ((who["clip_id"],), (str(folder), str(frames[0]), str(frames[2])))
        earlier = [self._taken[key] for key in keys if key in self._taken]
        if earlier:
            detail = f"{self._table} line {line}: line {earlier[0]} describes the same clip"
            self.listing.add("duplicate_rows", "dropped", detail, **who)
            return True
        self._taken |= dict.fromkeys(keys if folder else keys[:1], line)
        return False
