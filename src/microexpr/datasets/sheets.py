"""Annotation tables of the releases: .xlsx and .csv, with a header somewhere near the top."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from microexpr.errors import DataError, brief

Cell = str | int | float | None
# Lines above the header that are looked at; SAMM has 13 lines of explanation.
HEADER_LINES = 40


def read_rows(path: Path, sheet: str | int = 0) -> list[tuple[Cell, ...]]:
    """Read all cells of a table.

    Parameters
    ----------
    path : Path
        A .xlsx file (formulas give the value stored last) or a .csv file (comma, semicolon or
        tab; UTF-8).
    sheet : str or int
        Name of the sheet, or its number from 0; a .csv file has one, number 0, whatever the name.

    Raises
    ------
    DataError
        When the file cannot be read, or has no such sheet.
    """
    suffix = path.suffix.lower()
    if suffix == ".xls":
        raise DataError(f"{path}: save it as .xlsx or .csv, the old .xls format is not read")
    if suffix == ".csv":
        if isinstance(sheet, int) and sheet > 0:
            raise DataError(f"{path}: a .csv file has one sheet; sheet {sheet + 1} is needed too")
        return _csv_rows(path)
    return _xlsx_rows(path, sheet)


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


def _xlsx_rows(path: Path, sheet: str | int) -> list[tuple[Cell, ...]]:
    # Imported late: the workflow reads the data set whenever it plans, and most have no table.
    from openpyxl import load_workbook  # noqa: PLC0415

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # zip, XML and key errors, by what is wrong in the file
        raise DataError(f"{path}: cannot be read as .xlsx ({brief(error)})") from None
    try:
        names = book.sheetnames
        if sheet not in names and not (isinstance(sheet, int) and sheet < len(names)):
            number = f"sheet {sheet + 1}" if isinstance(sheet, int) else f"sheet {sheet!r}"
            raise DataError(f"{path}: has no {number}, but {names}")
        page = book[names[sheet] if isinstance(sheet, int) else sheet]
        # Some programs store a wrong size, by which rows would be lost.
        page.reset_dimensions()
        return [tuple(row) for row in page.iter_rows(values_only=True)]
    except DataError:
        raise
    except Exception as error:  # the sheets are parsed only now
        raise DataError(f"{path}: cannot be read as .xlsx ({brief(error)})") from None
    finally:
        book.close()


def sheet_names(path: Path) -> list[str]:
    """List the sheets of a .xlsx file; of a .csv file none."""
    if path.suffix.lower() != ".xlsx":
        return []
    from openpyxl import load_workbook  # noqa: PLC0415

    try:
        book = load_workbook(path, read_only=True)
    except Exception as error:
        raise DataError(f"{path}: cannot be read as .xlsx ({brief(error)})") from None
    names = list(book.sheetnames)
    book.close()
    return names


def with_header(
    path: Path, columns: Mapping[str, Sequence[str]], sheet: str | int = 0
) -> list[tuple[int, dict[str, Cell]]]:
    """Read the rows below the header.

    Parameters
    ----------
    path : Path
        The table.
    columns : mapping of str to sequence of str
        For each key, the spellings that a header may have; case, blanks and punctuation do not
        matter. A key that ends in ``?`` need not be there.
    sheet : str or int
        Name or number.

    Returns
    -------
    list of (int, dict)
        Line in the file, from 1, and the cells by key (without ``?``). Empty lines are left out.

    Raises
    ------
    DataError
        Naming the columns that the most likely header lacks.
    """
    rows = read_rows(path, sheet)
    best: tuple[int, dict[str, int]] = (0, {})
    for number, row in enumerate(rows[:HEADER_LINES]):
        found = _positions(row, columns)
        if len(found) > len(best[1]):
            best = number, found
    number, found = best
    required = [key for key in columns if not key.endswith("?")]
    absent = [columns[key][0] for key in required if key not in found]
    if absent:
        raise DataError(
            f"{path}: no header with {', '.join(columns[key][0] for key in required)} in its first "
            f"{HEADER_LINES} lines; the best, line {number + 1}, lacks {', '.join(absent)}"
        )
    return [
        (line, {key: row[place] if place < len(row) else None for key, place in found.items()})
        for line, row in enumerate(rows[number + 1 :], number + 2)
        if any(text(cell) for cell in row)
    ]


def _positions(row: Sequence[Cell], columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    printed = [_plain(text(cell)) for cell in row]
    found = {}
    for key, spellings in columns.items():
        for spelling in spellings:
            if _plain(spelling) in printed:
                found[key.removesuffix("?")] = printed.index(_plain(spelling))
                break
    return found


def _plain(header: str) -> str:
    return re.sub(r"[\W_]", "", header.casefold())


def text(cell: Cell) -> str:
    """Spell a cell: 1.0 is 1, blanks at the ends go, umlauts get one Unicode form."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return unicodedata.normalize("NFC", str(cell)).replace("\xa0", " ").strip()


def frame_number(cell: Cell) -> int | None:
    """Read a frame number that may be stored as text; None for ``/``, ``?`` and the like."""
    digits = text(cell)
    return int(digits) if re.fullmatch(r"\d{1,9}", digits, re.ASCII) else None


def padded(width: int, prefix: str = "") -> Callable[[str], str]:
    """Give a speller of subjects: with width 2 and prefix sub, 1, 01 and sub01 become sub01."""

    def spell(name: str) -> str:
        digits = re.sub(rf"^{prefix}", "", name, flags=re.IGNORECASE)
        return f"{prefix}{int(digits):0{width}d}" if digits.isdecimal() else ""

    return spell
