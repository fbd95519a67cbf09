"""Partial results, named by a checksum of all that they follow from; found again if whole."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microexpr.errors import CacheError, damage
from microexpr.runtime.files import write_json


def digest(about: Mapping[str, Any]) -> str:
    """Return a checksum of plain values, in any order of their names, as 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def place(folder: str | os.PathLike[str], about: Mapping[str, Any], suffix: str = ".json") -> Path:
    """Return the file of a finished result; it depends on all of `about`, plain values."""
    return Path(folder) / f"{digest(about)[:32]}{suffix}"


def read(folder: str | os.PathLike[str], about: Mapping[str, Any]) -> Any:
    """Read the partial result that follows from `about`; None: there is none."""
    file = place(folder, about)
    if not file.is_file():
        return None
    with damage(CacheError, f"{file}: damaged, delete it and run again"):
        return json.loads(file.read_text(encoding="utf-8"))


def keep(folder: str | os.PathLike[str], about: Mapping[str, Any], result: Any) -> Any:
    """Write a partial result of plain values, atomically; return it as :func:`read` would."""
    write_json(place(folder, about), result)
    return read(folder, about)


def finished(file: Path, made_of: str) -> dict[str, Any] | None:
    """Return a JSON document whose ``made.digest`` is `made_of`; None: missing, other, damaged."""
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return document if document["made"]["digest"] == made_of else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
