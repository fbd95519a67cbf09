"""Our own tables: one way to write them, one way to read them, and a seal beside each.

A seal is a small file ``NAME.csv.sha256`` in the format of sha256sum, so that ``sha256sum -c`` in
that folder checks it too. A table without its seal, or with other bytes than the seal says, is
refused: a number that somebody edited is never reported. Nothing here imports pandas before a
DataFrame is asked for: planning reads the manifest, and runs where only Snakemake is installed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from microexpr import __version__
from microexpr.errors import DataError, brief
from microexpr.runtime.files import replacing, sha256_of, write_beside

if TYPE_CHECKING:
    import pandas as pd
SUFFIX = ".sha256"
REMEDY = "delete it and run snakemake again"
LIBRARIES = ("torch", "numpy", "scipy", "opencv-python-headless")  # results depend on them
P_VALUES = ("p", "p_holm")
P_DECIMALS = 6
MAX_SEAL_BYTES = 2**16  # a table that got a seal's name is not read as a whole
AnyPath = str | os.PathLike[str]


def seal_of(path: AnyPath) -> Path:
    """Return the name of a file's seal."""
    path = Path(path)
    return path.with_name(path.name + SUFFIX)


def seal(path: AnyPath) -> None:
    """Write the seal of a file that is finished.

    Raises
    ------
    OSError
        When the seal cannot be written; the file is removed then.
    """
    _write_seal(path, sha256_of(path))


@contextmanager
def sealed(path: AnyPath) -> Iterator[Path]:
    """Give a temporary name beside `path`; when the block succeeds, rename it and write its seal.

    The seal comes last: what a killed process leaves is a table without a seal, or with the seal
    of an older one, and both are refused.

    Parameters
    ----------
    path : path-like
        Final name; its folder is made.

    Yields
    ------
    Path
        An empty file to write to.

    Raises
    ------
    OSError
        When the disk is full or read-only; neither the file nor its seal is left then.
    """
    with replacing(path) as temporary:
        yield temporary
        digest = sha256_of(temporary)
    _write_seal(path, digest)


def _write_seal(path: AnyPath, digest: str) -> None:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    # sha256sum takes lines that begin with # as comments.
    head = f"# microexpr {__version__}\n# {libraries}\n"
    write_beside(path, SUFFIX, f"{head}{digest}  {Path(path).name}\n")


def check_seal(path: AnyPath) -> str:
    """Compare a file with its seal.

    Returns
    -------
    str
        Checksum of the file's bytes, as 64 hexadecimal digits.

    Raises
    ------
    DataError
        When the file or its seal is missing or cannot be read, or they do not belong together.
    """
    return hashlib.sha256(read_sealed(path)).hexdigest()


def read_sealed(path: AnyPath) -> bytes:
    """Read a file as a whole, and refuse it when it is not what its seal says.

    Raises
    ------
    DataError
        As `check_seal`.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != _stated(path):
        raise DataError(f"{path}: this file was changed after it was written; {REMEDY}")
    return content


def _stated(path: AnyPath) -> str:
    """Return the checksum that a seal holds for its file; empty where it holds none."""
    place = seal_of(path)
    try:
        with place.open(encoding="utf-8", errors="replace") as file:
            text = file.read(MAX_SEAL_BYTES)
    except FileNotFoundError:
        raise DataError(f"{path}: this file has no seal ({place.name}); {REMEDY}") from None
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({error.strerror})") from None
    name = re.escape(place.name.removesuffix(SUFFIX))
    found = re.search(rf"^([0-9a-f]{{64}})  {name}$", text, flags=re.MULTILINE)
    return found[1] if found else ""


def write_table(path: AnyPath, frame: pd.DataFrame, *, decimals: int = 4) -> None:
    """Write a table and its seal, with fixed decimals, so that a rerun gives the same bytes.

    Parameters
    ----------
    path : path-like
        CSV.
    frame : DataFrame
        Its columns; the index is not written.
    decimals : int
        Of numbers that are not whole. p-values have six: they may be small.

    Raises
    ------
    OSError
        As `sealed`.
    """
    for column in frame.columns.intersection(P_VALUES):
        text = frame[column].map(f"{{:.{P_DECIMALS}f}}".format, na_action="ignore")
        frame = frame.assign(**{column: text})
    with sealed(path) as temporary:
        frame.to_csv(temporary, index=False, float_format=f"%.{decimals}f", lineterminator="\n")


def read_table(path: AnyPath, *, text: Collection[str]) -> pd.DataFrame:
    """Read a table that `write_table` wrote.

    Parameters
    ----------
    path : path-like
        CSV with its seal.
    text : collection of str
        Columns of text: NA, null and 0 are names there, and an empty cell stays empty. All other
        columns are numbers: int64 where every cell is whole, else float64, NaN where it is empty.

    Raises
    ------
    DataError
        As `check_seal`, and when a column of text is missing or a cell is no number; it names the
        file, the column and the cell.
    """
    return typed(read_text(path), text=text, path=path)


def read_text(path: AnyPath) -> pd.DataFrame:
    """Read a table with every cell as the file has it.

    Raises
    ------
    DataError
        As `check_seal`, and when it is no CSV table.
    """
    import pandas as pd  # noqa: PLC0415  (planning reads seals without it)

    content = io.BytesIO(read_sealed(path))
    try:
        return pd.read_csv(content, dtype=str, keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: cannot be read ({brief(error)})") from None


def typed(frame: pd.DataFrame, *, text: Collection[str], path: AnyPath) -> pd.DataFrame:
    """Turn the columns of `read_text` that are not `text` into numbers; see `read_table`."""
    missing = [column for column in text if column not in frame]
    if missing:
        raise DataError(f"{path}: column {missing[0]} is missing")
    numbers = {name: _numbers(frame[name], path) for name in frame if name not in text}
    return frame.assign(**numbers)


def _numbers(column: pd.Series, path: AnyPath) -> pd.Series:
    if column.str.fullmatch(r"-?[0-9]{1,18}").all():
        return column.astype("int64")
    try:
        return column.replace("", "nan").astype("float64")
    except ValueError as error:
        raise DataError(f"{path}: column {column.name}: {error}") from None


def read_rows(path: AnyPath) -> list[dict[str, str]]:
    """Read a table row by row, every cell as text, without pandas.

    Raises
    ------
    DataError
        As `check_seal`, and when it is no CSV table.
    """
    content = read_sealed(path)
    try:
        return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({brief(error)})") from None
