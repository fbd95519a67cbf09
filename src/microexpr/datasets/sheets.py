"""Tables that people write: .xlsx and .csv files with a header somewhere near the top."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from microexpr.errors import DataError, brief

if TYPE_CHECKING:
    from openpyxl import Workbook
Cell: TypeAlias = object  # text, a number or None; in .xlsx files also a date
XLSX = (".xlsx", ".xlsm")  # other files are text
# Lines in which the header is looked for; SAMM has 13 lines of explanation above it.
HEADER_LINES = 40


def read_rows(path: Path, sheet: str | int = 0) -> list[tuple[Cell, ...]]:
    """Read all cells of a table.

    Parameters
    ----------
    path : Path
        A .xlsx file (formulas give the value stored last) or a text file (comma, semicolon or tab;
        UTF-8).
    sheet : str or int
        Name or number, from 0, of the sheet; a text file has only number 0, whatever the name.

    Raises
    ------
    DataError
        When the file cannot be read, or has no such sheet.
    """
    suffix = path.suffix.lower()
    if suffix == ".xls":
        raise DataError(f"{path}: save it as .xlsx or .csv, the old .xls format is not read")
    if suffix not in XLSX:
        if isinstance(sheet, int) and sheet > 0:
            raise DataError(f"{path}: a .csv file has one sheet; sheet {sheet + 1} is needed too")
        return _csv_rows(path)
    with _workbook(path) as book:
        names = book.sheetnames
        if sheet not in names and not (isinstance(sheet, int) and sheet < len(names)):
            number = f"sheet {sheet + 1}" if isinstance(sheet, int) else f"sheet {sheet!r}"
            raise DataError(f"{path}: has no {number}, but {names}")
        page = book[names[sheet] if isinstance(sheet, int) else sheet]
        # Some programs store a wrong size, by which rows would be lost.
        page.reset_dimensions()
        return [tuple(row) for row in page.iter_rows(values_only=True)]


def sheet_names(path: Path) -> list[str]:
    """Return the names of the sheets of a .xlsx file; none for a .csv file."""
    if path.suffix.lower() not in XLSX:
        return []
    with _workbook(path) as book:
        return list(book.sheetnames)


def _csv_rows(path: Path) -> list[tuple[Cell, ...]]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({brief(error)})") from None
    delimiter = max(",;\t", key=content.count)
    lines = io.StringIO(content, newline="")
    try:
        return [tuple(row) for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as a table ({brief(error)})") from None


@contextmanager
def _workbook(path: Path) -> Iterator[Workbook]:
    # Imported late: planning may read the data set, and most data sets have no such table.
    from openpyxl import load_workbook  # noqa: PLC0415

    book = None
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        yield book
    except DataError:
        raise
    except Exception as error:  # zip, XML and key errors, depending on what is wrong in the file
        raise DataError(f"{path}: cannot be read as .xlsx ({brief(error)})") from None
    finally:
        if book is not None:
            book.close()


def with_header(
    path: Path, columns: Mapping[str, Sequence[str]], sheet: str | int = 0
) -> list[tuple[int, dict[str, Cell]]]:
    """Read the rows below the header; empty lines are left out.

    Parameters
    ----------
    path : Path
        The table.
    columns : mapping of str to sequence of str
        For each key, the spellings that a header may have; case, blanks and punctuation do not
        matter. A key that ends in ``?`` is optional.
    sheet : str or int
        Name or number.

    Returns
    -------
    list of (int, dict)
        Line in the file, from 1, and the cells by key (without ``?``).

    Raises
    ------
    DataError
        With the columns that the most likely header lacks.
    """
    rows = read_rows(path, sheet)
    headers = [_positions(row, columns) for row in rows[:HEADER_LINES]] or [{}]
    found = max(headers, key=len)
    number = headers.index(found)
    required = {key: names[0] for key, names in columns.items() if not key.endswith("?")}
    absent = [name for key, name in required.items() if key not in found]
    if absent:
        raise DataError(
            f"{path}: no header with {', '.join(required.values())} in its first {HEADER_LINES} "
            f"lines; the best, line {number + 1}, lacks {', '.join(absent)}"
        )
    return [
        (line, {key: row[place] if place < len(row) else None for key, place in found.items()})
        for line, row in enumerate(rows[number + 1 :], number + 2)
        if any(text(cell) for cell in row)
    ]


def _positions(row: Sequence[Cell], columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the position of each column that a header has."""
    printed = [_plain(text(cell)) for cell in row]
    found = {}
    for key, spellings in columns.items():
        known = [_plain(spelling) for spelling in spellings if _plain(spelling) in printed]
        if known:
            found[key.removesuffix("?")] = printed.index(known[0])
    return found


def _plain(header: str) -> str:
    return re.sub(r"[\W_]", "", header.casefold())


def text(cell: Cell) -> str:
    """Return a cell as text: 1.0 is 1, without outer blanks, umlauts in one Unicode form."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return unicodedata.normalize("NFC", str(cell)).replace("\xa0", " ").strip()


def frame_number(cell: Cell) -> int | None:
    """Read a frame number that may be stored as text; None for ``/``, ``?`` and the like."""
    digits = text(cell)
    return int(digits) if re.fullmatch(r"\d{1,9}", digits, re.ASCII) else None


def frame_rate(cell: Cell) -> float | None:
    """Read a frame rate, frames/s; None for an empty cell. Raise DataError for another text."""
    printed = text(cell)
    if not printed:
        return None
    try:
        number = float(printed)
    except ValueError:
        number = -1.0
    if not 0 < number < 1e6:
        raise DataError(f"fps {printed!r} is not a positive number")
    return number


def padded(width: int, prefix: str = "") -> Callable[[str], str]:
    """Return a function that spells subjects: for width 2 and prefix sub, 1 and 01 are sub01."""

    def spell(name: str) -> str:
        digits = re.sub(rf"^{prefix}", "", name, flags=re.IGNORECASE)
        return f"{prefix}{int(digits):0{width}d}" if digits.isdecimal() else ""

    return spell
