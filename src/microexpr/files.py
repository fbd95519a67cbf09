"""Files that are whole or not there, and their checksums."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when the block succeeds.

    The file is readable by its owner only: faces and what is derived from them are personal data.

    Parameters
    ----------
    path : path-like
        Final name; its folder is made.

    Yields
    ------
    Path
        An empty file to write to. It is removed when the block raises.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process number keeps two runs apart; the leading dot hides what a killed run leaves.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    temporary.touch(mode=0o600)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON with sorted keys, atomically."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    write_text(path, text + "\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text atomically, in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_csv(path: str | os.PathLike[str], frame: pd.DataFrame, decimals: int = 4) -> None:
    """Write a table atomically, with fixed decimals, so that a rerun gives the same bytes."""
    with replacing(path) as temporary:
        frame.to_csv(temporary, index=False, float_format=f"%.{decimals}f", lineterminator="\n")


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Checksum of a file's bytes, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
