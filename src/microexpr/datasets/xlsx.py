"""Values of .xlsx files, without styles and formulas; a small file cannot fill the memory."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias
from xml.etree.ElementTree import Element, iterparse
from zipfile import ZipFile

from microexpr.errors import DataError, brief, lacking

Cell: TypeAlias = object  # text, a number or None
Line: TypeAlias = tuple[int, tuple[Cell, ...]]  # its number in the file, from 1, and its cells
MAX_BYTES = 2**24  # of a file, a part of it, and all texts: annotations have some hundred KB
MAX_UNPACKED = 2**26  # bytes of all sheets, several of which may be one part
MAX_ROWS, MAX_COLUMNS = 100_000, 256  # with a value
ADVICE = "save it again as .xlsx, or as CSV"


def read_sheets(path: Path) -> dict[str, list[Line]]:
    """Read the rows with a value of all sheets that are shown, by name."""
    try:
        with ZipFile(path) as archive:
            return _sheets(_Parts(archive))
    except DataError as error:
        raise DataError(f"{path}: {error}; {ADVICE}") from None
    except Exception as error:  # zip, XML, key and number errors: whatever is wrong in the file
        if lacking(error):
            raise
        raise DataError(f"{path}: cannot be read as .xlsx ({brief(error)}); {ADVICE}") from None


class _Parts:
    """The XML files in an archive."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive, self._left = archive, MAX_UNPACKED

    def elements(self, part: str, *names: str) -> Iterator[Element]:
        """Yield the elements of these names, each of which is emptied afterwards."""
        info = self._archive.getinfo(part)
        self._left -= info.file_size  # no more than this is unpacked
        if info.file_size > MAX_BYTES or self._left < 0:
            raise DataError(f"holds more than {MAX_BYTES >> 20} MB in {part}, unpacked")
        parents: list[Element] = []
        with self._archive.open(info) as file:
            for event, element in iterparse(file, ("start", "end")):
                if event == "start":
                    parents.append(element)
                    continue
                parents.pop()
                if _local(element.tag) in names:
                    yield element
                    if parents:
                        parents[-1].remove(element)

    def related(self, part: str) -> dict[str, tuple[str, str]]:
        """Return kind and name of the parts that a part refers to, by its own names for them."""
        folder, name = posixpath.split(part)
        found = {}
        for link in self.elements(f"{folder}/_rels/{name}.rels".lstrip("/"), "Relationship"):
            target = posixpath.normpath(posixpath.join("/", folder, link.attrib["Target"]))
            found[link.attrib["Id"]] = (posixpath.basename(link.attrib["Type"]), target[1:])
        return found


def _sheets(parts: _Parts) -> dict[str, list[Line]]:
    book = next(part for kind, part in parts.related("").values() if kind == "officeDocument")
    links = parts.related(book)
    strings = (part for kind, part in links.values() if kind == "sharedStrings")
    texts = [_text(item) for part in strings for item in parts.elements(part, "si")]
    found: dict[str, list[Line]] = {}
    room = MAX_BYTES
    for sheet in parts.elements(book, "sheet"):
        kind, part = links[next(v for k, v in sheet.attrib.items() if _local(k) == "id")]
        if kind == "worksheet" and sheet.get("state", "visible") == "visible":
            rows = found[sheet.attrib["name"]] = []
            for number, cells in _lines(parts, part, texts):
                rows.append((number, cells))
                # One text may stand in many cells.
                room -= sum(len(cell) if isinstance(cell, str) else 1 for cell in cells)
                if len(rows) > MAX_ROWS or room < 0:
                    raise DataError(f"holds more than {MAX_ROWS} rows or {MAX_BYTES >> 20} MB")
    return found


def _lines(parts: _Parts, part: str, texts: list[str]) -> Iterator[Line]:
    number = 0
    for row in parts.elements(part, "row"):
        number = int(row.get("r", number + 1))
        cells: dict[int, Cell] = {}
        column = 0
        for cell in row:
            column = _column(cell.get("r", "")) or column + 1
            value = _value(cell, texts)
            if value is not None:
                cells[column] = value
        if cells:
            last = max(cells)
            if last > MAX_COLUMNS:
                raise DataError(f"row {number} has a cell in column {last}")
            yield number, tuple(cells.get(k) for k in range(1, last + 1))


def _column(place: str) -> int:
    """Return the number of a cell's column, from 1, from its place such as AB12; 0: unknown."""
    number = 0
    for letter in re.sub(r"[^A-Z]", "", place)[:8]:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _value(cell: Element, texts: list[str]) -> Cell:
    kind, inside = cell.get("t", "n"), {_local(child.tag): child for child in cell}
    if kind == "inlineStr":
        return _text(inside["is"]) if "is" in inside else None
    printed = inside["v"].text if "v" in inside else None
    if not printed:
        return None
    if kind == "s":
        return texts[int(printed)]
    if kind == "b":
        return "TRUE" if printed == "1" else "FALSE"
    if kind != "n":
        return printed
    return int(printed) if re.fullmatch(r"-?\d{1,15}", printed) else float(printed)


def _text(item: Element) -> str:
    """Return a text without its format; how Japanese signs are spoken (rPh) is no part of it."""
    spoken = {t for run in item.iter() if _local(run.tag) == "rPh" for t in run.iter()}
    shown = (t for t in item.iter() if _local(t.tag) == "t" and t not in spoken)
    return "".join(t.text or "" for t in shown)


def _local(tag: str) -> str:
    """Return a name without its namespace, of which there are two for the same format."""
    return tag.rpartition("}")[2]
