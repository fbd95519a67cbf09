"""Our own tables: one way to write them, one way to read them, and a seal beside each.

A seal is a file ``NAME.csv.sha256`` in sha256sum's format. A table without its seal, or edited
after it, is refused. Planning reads the manifest without pandas: it is imported for DataFrames.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microexpr import __version__
from microexpr.errors import DataError, damage, lacking
from microexpr.runtime.files import AnyPath, regular, replacing, sha256_of, write_beside

if TYPE_CHECKING:
    import pandas as pd
SUFFIX = ".sha256"
REMEDY = "delete it and run snakemake again"
# Results depend on them; another version is noticed, and `microexpr adopt` compares.
LIBRARIES = ("torch", "numpy", "scipy", "opencv-python-headless")
P_VALUES = ("p", "p_holm", "p_mcnemar")
MAX_SEAL_BYTES = 2**16  # a large file under a seal's name is not read as a whole


def seal_of(path: AnyPath) -> Path:
    """Return the name of a file's seal."""
    path = Path(path)
    return path.with_name(path.name + SUFFIX)


def seal(path: AnyPath, digest: str = "") -> None:
    """Write the seal of a finished file, which is removed when the seal cannot be written."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    # sha256sum takes lines that begin with # as comments.
    head = f"# microexpr {__version__}\n# {libraries}\n"
    write_beside(path, SUFFIX, f"{head}{digest or sha256_of(path)}  {Path(path).name}\n")


@contextmanager
def sealed(path: AnyPath) -> Iterator[Path]:
    """Yield an empty temporary file; when the block succeeds, rename it to `path`, then seal it."""
    with replacing(path) as temporary:
        yield temporary
        digest = sha256_of(temporary)
    seal(path, digest)


def check_seal(path: AnyPath) -> str:
    """Compare a file with its seal and return its sha256; DataError: missing, or no match."""
    return hashlib.sha256(read_sealed(path)).hexdigest()


def read_sealed(path: AnyPath) -> bytes:
    """Read a whole file, and refuse it when it does not match its seal; see `check_seal`."""
    if os.path.lexists(path):
        regular(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        if lacking(error):
            raise
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != _sealed_digest(path):
        raise DataError(f"{path}: this file was changed after it was written; {REMEDY}")
    return content


def _sealed_digest(path: AnyPath) -> str:
    """Return the checksum that a seal holds for its file; empty where it holds none."""
    place = seal_of(path)
    if os.path.lexists(place):
        regular(place)
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
    """Write a DataFrame as a sealed CSV file, without its index; a rerun gives the same bytes.

    Numbers that are not whole get `decimals` decimals, p-values four digits: they may be small.
    """
    for column in frame.columns.intersection(list(P_VALUES)):
        text = frame[column].map("{:.4g}".format, na_action="ignore")
        frame = frame.assign(**{column: text})
    with sealed(path) as temporary:
        frame.to_csv(temporary, index=False, float_format=f"%.{decimals}f", lineterminator="\n")


def write_rows(
    path: AnyPath, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, end: str = "\n"
) -> None:
    """Write rows as a sealed CSV file, without pandas; `end` ends each line."""
    with sealed(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, lineterminator=end)
        table.writeheader()
        table.writerows(rows)


def read_table(path: AnyPath, *, text: Collection[str]) -> pd.DataFrame:
    """Read a sealed table into a DataFrame.

    Columns of `text` keep NA, null and 0 as names, and empty cells empty. All others are numbers:
    int64 where every cell is whole, else float64, NaN where it is empty. DataError: as
    `check_seal`, and when a column is missing or a cell is no number.
    """
    return typed(read_text(path), text=text, path=path)


def read_text(path: AnyPath) -> pd.DataFrame:
    """Read a sealed table with every cell as text, as in the file; see `check_seal`."""
    import pandas as pd  # noqa: PLC0415  (planning reads tables without it)

    content = io.BytesIO(read_sealed(path))
    with damage(DataError, f"{path}: cannot be read"):
        return pd.read_csv(content, dtype=str, keep_default_na=False)


def typed(frame: pd.DataFrame, *, text: Collection[str], path: AnyPath) -> pd.DataFrame:
    """Turn the columns of `read_text` that are not `text` into numbers; see `read_table`."""
    missing = [column for column in text if column not in frame]
    if missing:
        raise DataError(f"{path}: column {missing[0]} is missing")
    return frame.assign(
        **{str(name): _numbers(frame[name], path) for name in frame if name not in text}
    )


def _numbers(column: pd.Series, path: AnyPath) -> pd.Series:
    if column.str.fullmatch(r"-?[0-9]{1,18}").all():
        return column.astype("int64")
    try:
        return column.replace("", "nan").astype("float64")
    except ValueError as error:
        raise DataError(f"{path}: column {column.name}: {error}") from None


def read_rows(path: AnyPath) -> list[dict[str, str]]:
    """Read a sealed table row by row, every cell as text, without pandas; see `check_seal`."""
    content = read_sealed(path)
    with damage(DataError, f"{path}: cannot be read"):
        return list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))
