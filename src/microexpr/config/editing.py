"""A list in a YAML file grows, and the file's comments stay."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from microexpr.config.base import read_yaml
from microexpr.errors import ConfigError
from microexpr.runtime.files import replacing


def set_list(path: Path, section: str, key: str, values: Sequence[str]) -> None:
    """Set a key of a section to a list, by changing one line of the file.

    Parameters
    ----------
    path : Path
        A configuration file; its mode is kept.
    section, key : str
        Such as ``data`` and ``leave_out``. Either is added where it is absent.
    values : sequence of str
        The whole list.

    Raises
    ------
    ConfigError
        When the line cannot be found, as in a section of one line; nothing is written then.
    """
    before = read_yaml(path)
    wanted = copy.deepcopy(before)
    wanted[section] = (before.get(section) or {}) | {key: list(values)}
    changed = _with_line(path.read_text(encoding="utf-8"), section, key, _flow(values))
    if _parsed(changed) != wanted:
        raise ConfigError(f"{path}: please write there by hand: {section}.{key}: {_flow(values)}")
    with replacing(path) as temporary:
        temporary.write_text(changed, encoding="utf-8")
        shutil.copymode(path, temporary)


def _flow(values: Sequence[str]) -> str:
    dumped = yaml.safe_dump(
        list(values), default_flow_style=True, allow_unicode=True, width=float("inf")
    )
    return dumped.strip()


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _with_line(text: str, section: str, key: str, value: str) -> str:
    """Replace the key's line in its section, or add it below the section's first line."""
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if re.match(rf"{section}:\s*(#|$)", line)]
    if not heads:
        return "\n".join([*lines, f"{section}:", f"  {key}: {value}"]) + "\n"
    start = heads[0] + 1
    stop = next((i for i in range(start, len(lines)) if re.match(r"[^\s#]", lines[i])), len(lines))
    for index in range(start, stop):
        if found := re.match(rf"(\s+){key}:\s*(?:\[.*?\])?(\s*#.*)?$", lines[index]):
            lines[index] = f"{found[1]}{key}: {value}{found[2] or ''}"
            return "\n".join(lines) + "\n"
    inside = (re.match(r"\s+(?=\w)", line) for line in lines[start:stop])
    indent = next((found[0] for found in inside if found), "  ")
    return "\n".join([*lines[:start], f"{indent}{key}: {value}", *lines[start:]]) + "\n"
