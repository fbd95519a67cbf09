"""Tables that are texts: encoding, delimiter, and what spreadsheets do to their cells."""

import codecs
import csv
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

from microexpr.datasets.xlsx import MAX_ROWS, Line
from microexpr.errors import DataError, brief
from microexpr.runtime.names import visible

log = logging.getLogger(__name__)
DELIMITERS = ",;\t|"
ENCODINGS = {  # by the first bytes
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins like UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


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
    """Tell whether most signs of a text in GB18030 are common ones.

    Those that bytes of western and Cyrillic letters stand for are rare.
    """
    signs = [sign.encode("gb18030") for sign in written if not sign.isascii()]
    common = [
        sign[1] > 0xA0 and (sign[0] in range(0xA1, 0xA4) or sign[0] in range(0xB0, 0xD8))
        for sign in signs
    ]
    return 2 * sum(common) > len(common)


def lines(path: Path, written: str, delimiter: str) -> Iterator[Line]:
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
