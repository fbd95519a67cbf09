"""Tables that people write: text or .xlsx, with a header somewhere near the top."""

import codecs
import csv
import io
import logging
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

from microexpr.datasets.xlsx import ADVICE, MAX_BYTES, MAX_ROWS, Cell, Line, read_sheets
from microexpr.errors import DataError, Faults, brief, damage
from microexpr.runtime.files import regular
from microexpr.runtime.names import visible

log = logging.getLogger(__name__)
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# Lines in which the header is looked for; SAMM has 13 lines of explanation above it.
HEADER_LINES = 40
DELIMITERS = ",;\t|"
ENCODINGS = {  # by the first bytes
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins like UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class _Table(NamedTuple):
    """A sheet, or a text as one delimiter splits it."""

    name: str
    lines: Callable[[], Iterator[Line]]  # those with a value
    delimiter: str = ""  # empty: a sheet, where no cell can be mistaken for two


class _Header(NamedTuple):
    """The line of a table that has most of the columns wanted, and where they are."""

    line: int
    places: Mapping[str, int]
    names: Sequence[str]  # normalised, up to the last one
    width: int  # with empty cells behind that


def read_rows(path: Path, sheet: str | int = 0) -> list[tuple[Cell, ...]]:
    """Read the rows with a value, all of one length, of a sheet by name or number, from 0."""
    tables = _tables(path, sheet)
    table = max(tables, key=lambda t: max((len(row) for _, row in t.lines()), default=0))
    rows = [row for _, row in table.lines()]
    width = max(map(len, rows), default=0)
    return [row + (None,) * (width - len(row)) for row in rows]


def sheet_names(path: Path) -> list[str]:
    """Return the names of the sheets of a .xlsx file that are shown; none for a text file."""
    return list(read_sheets(path)) if _content(path).startswith(ZIP) else []


def with_header(
    path: Path, columns: Mapping[str, Sequence[str]], sheet: str | int | None = 0
) -> list[tuple[int, dict[str, Cell]]]:
    """Read the rows with a value below the header: their lines, from 1, and their cells by key.

    `columns` holds for each key the spellings that a header may have; case, blanks and punctuation
    do not matter. A key that ends in ``?``, which the cells lack, is optional. `sheet` is a name, a
    number, or None: the only one with such a header. DataError names the columns that the most
    likely header lacks, or each line with more cells than the header.
    """
    tables = _tables(path, sheet)
    headers = [_header(table, columns) for table in tables]
    header = max(headers, key=lambda header: len(header.places))
    table = tables[headers.index(header)]
    required = {key: names[0] for key, names in columns.items() if not key.endswith("?")}
    absent = [name for key, name in required.items() if key not in header.places]
    if absent:
        raise DataError(
            f"{path}: no header with {', '.join(required.values())} in its first {HEADER_LINES} "
            f"lines; the best, line {header.line}, lacks {', '.join(absent)}"
        )
    if sheet is None and not table.delimiter:
        pairs = zip(tables, headers, strict=True)
        whole = [table.name for table, header in pairs if set(required) <= set(header.places)]
        if len(whole) > 1:  # the rows of one would be lost
            raise DataError(f"{path}: sheets {whole[0]!r} and {whole[1]!r} both hold such a table")
    rows, faults = [], Faults()
    for line, row in table.lines():
        if line <= header.line:
            continue
        fault = _shifted(row, header, table.delimiter) if table.delimiter else ""
        if fault := fault or _contradiction(row, header):
            faults.add(f"{path}: line {line}: {fault}")
        cells = {k: row[n] if n < len(row) else None for k, n in header.places.items()}
        rows.append((line, cells))
    faults.stop()
    return rows


def _header(table: _Table, columns: Mapping[str, Sequence[str]]) -> _Header:
    best = _Header(1, {}, [], 0)
    with suppress(DataError):  # another delimiter, or said when all rows are read
        for line, row in islice(table.lines(), HEADER_LINES):
            places = _positions(row, columns)
            if len(places) > len(best.places):
                names = [_plain(text(cell)) or text(cell) for cell in row]
                while not names[-1]:
                    names.pop()
                best = _Header(line, places, names, len(row))
    return best


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
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", header).casefold())


def _shifted(row: Sequence[Cell], header: _Header, delimiter: str) -> str:
    """Say why a row of a text may have its cells under the wrong headers; empty: it has not."""
    beyond = next((text(cell) for cell in row[len(header.names) :] if text(cell)), "")
    if beyond:
        return f"cell {beyond!r} stands under no header; a cell with {delimiter!r} needs quotes"
    if delimiter == "," and len(row) > header.width:
        for pair in pairwise(row):
            if all(text(cell).isdecimal() for cell in pair):
                return f"{','.join(map(text, pair))} may be one number: write it with a point"
    return ""


def _contradiction(row: Sequence[Cell], header: _Header) -> str:
    """Say which column stands twice in a table, and differs; empty: none."""
    for key, first in header.places.items():
        for n in range(first + 1, min(len(row), len(header.names))):
            if header.names[n] == header.names[first] and text(row[n]) != text(row[first]):
                two = f"{text(row[first])!r} and {text(row[n])!r}"
                return f"column {key} stands twice, with {two}"
    return ""


# Files.


def _tables(path: Path, sheet: str | int | None) -> list[_Table]:
    """Return the sheet, or all sheets; of a text, what each delimiter makes of it."""
    content = _content(path)
    if content.startswith(ZIP):
        return _chosen(path, sheet)
    if isinstance(sheet, int) and sheet > 0:
        raise DataError(f"{path}: a .csv file has one sheet; sheet {sheet + 1} is needed too")
    if content.startswith(OLE):
        raise DataError(f"{path}: is an old .xls file, or locked by a password; {ADVICE}")
    if content.lstrip().startswith(b"<"):
        raise DataError(f"{path}: is a web page or XML; open it in a spreadsheet and {ADVICE}")
    written = decoded(path, content)
    # One sign, where the first line states it, such as sep=;.
    told = re.match(r'"?sep=(.)"?[\r\n]', written, re.IGNORECASE)
    return [
        _Table(path.name, lambda d=delimiter: _text_lines(path, written, d), delimiter)  # type: ignore[misc]
        for delimiter in (told[1] if told else DELIMITERS)
    ]


def _content(path: Path) -> bytes:
    with damage(DataError, f"{path}: cannot be read"), regular(path).open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"{path}: holds more than {MAX_BYTES >> 20} MB, which no table does")
    return content


def _chosen(path: Path, sheet: str | int | None) -> list[_Table]:
    sheets = read_sheets(path)
    names = list(sheets)
    if sheet is not None:
        if sheet not in sheets and not (isinstance(sheet, int) and sheet < len(names)):
            number = f"sheet {sheet + 1}" if isinstance(sheet, int) else f"sheet {sheet!r}"
            raise DataError(f"{path}: has no {number}, but {names}")
        names = [names[sheet] if isinstance(sheet, int) else sheet]
    return [_Table(name, lambda n=name: iter(sheets[n])) for name in names]  # type: ignore[misc]


def decoded(path: Path, content: bytes) -> str:
    """Turn the bytes of a text into text."""
    known = [name for mark, name in ENCODINGS.items() if content.startswith(mark)]
    if not known and b"\0" in content[:2]:
        known = ["utf-16-be" if content.startswith(b"\0") else "utf-16-le"]
    try:
        return content.decode(known[0] if known else "utf-8")
    except UnicodeDecodeError:
        pass
    try:
        written = content.decode("gb18030")
    except UnicodeDecodeError:
        written = ""
    if known or not _is_chinese(written):
        raise DataError(
            f"{path}: is no UTF-8, UTF-16 or GB18030 text; save it as CSV UTF-8 or .xlsx"
        )
    log.warning("%s: read as GB18030, not UTF-8", path)
    return written


def _is_chinese(written: str) -> bool:
    """Tell whether most signs of a text in GB18030 are common: those of other alphabets are not."""
    signs = [sign.encode("gb18030") for sign in written if not sign.isascii()]
    common = [
        sign[1] > 0xA0 and (sign[0] in range(0xA1, 0xA4) or sign[0] in range(0xB0, 0xD8))
        for sign in signs
    ]
    return 2 * sum(common) > len(common)


def _text_lines(path: Path, written: str, delimiter: str) -> Iterator[Line]:
    """Yield the rows with a value, and the line in which each begins."""
    reader = csv.reader(io.StringIO(written, newline=""), delimiter=delimiter, strict=True)
    line, found = 1, 0
    try:
        for row in reader:
            if any(map(visible, row)):
                found += 1
                yield line, tuple(re.sub(r'^="(.*)"$', r"\1", cell) for cell in row)
            line = reader.line_num + 1
            if found > MAX_ROWS:
                raise DataError(f"{path}: holds more than {MAX_ROWS} rows")
    except csv.Error as error:
        raise DataError(
            f"{path}: line {line}: cannot be read as a table ({brief(error)})"
        ) from None


# Cells.


def text(cell: Cell) -> str:
    """Return a cell as text: 1.0 is 1, without outer blanks, umlauts in one Unicode form."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return re.sub(r"^(\d+)\.0+$", r"\1", visible(str(cell)), flags=re.ASCII)


def frame_number(cell: Cell) -> int | None:
    """Read a frame number that may be stored as text; None for ``/``, ``?`` and the like."""
    digits = re.sub(r",0{1,2}$", "", text(cell))
    return int(digits) if re.fullmatch(r"\d{1,9}", digits, re.ASCII) else None


def frame_rate(cell: Cell) -> float | None:
    """Read frames/s, such as 29,97; None for an empty cell; DataError for others, such as 1,000."""
    printed = text(cell)
    if not printed:
        return None
    number = -1.0
    with suppress(ValueError):
        point = re.sub(r"^(\d+),(\d{1,2}|\d{4,})$", r"\1.\2", printed)
        number = float(point.replace("_", "?"))  # which Python allows in a number
    if not 0 < number < 1e6:
        raise DataError(f"fps {printed!r} is not a positive number")
    return number


def padded(width: int, prefix: str = "") -> Callable[[str], str]:
    """Return a function that spells subjects: for width 2 and prefix sub, 1 and 01 are sub01."""

    def spell(name: str) -> str:
        digits = re.sub(rf"^{prefix}", "", name, flags=re.IGNORECASE)
        return f"{prefix}{int(digits):0{width}d}" if digits.isdecimal() else ""

    return spell
