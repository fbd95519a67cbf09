"""Results of an interrupted run, found again under all that they follow from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microexpr.errors import CacheError


def digest(about: Mapping[str, Any]) -> str:
    """Checksum of plain values, in any order of their names, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def place(folder: str | os.PathLike[str], about: Mapping[str, Any]) -> Path:
    """Give the file of a result that follows from `about`; it exists when the result is there.

    Parameters
    ----------
    folder : path-like
        Of the run.
    about : mapping
        Settings, inputs and code, as plain values: where one of them differs, so does the file.
    """
    return Path(folder) / f"{digest(about)[:32]}.json"


def read(file: Path) -> Any:
    """Read a result that ``write_json`` wrote.

    Raises
    ------
    CacheError
        When the file is damaged.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CacheError(f"{file}: damaged, delete it and run again ({error})") from None
