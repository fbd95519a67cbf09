"""Configuration files: reading them, laying them over one another, changing a list in one."""

import copy
import math
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from microexpr.errors import ConfigError, damage
from microexpr.runtime.files import regular, replacing


def default_file() -> Path:
    """Return the working folder's ``config.yaml``; a deployed workflow's is in ``config``."""
    own, deployed = Path("config.yaml"), Path("config/config.yaml")
    return deployed if deployed.is_file() and not own.is_file() else own


def overlaid(values: dict[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    """Lay nested dictionaries over one another, as Snakemake does with configuration files."""
    laid = dict(values)
    for change in changes:
        for key, value in change.items():
            both = isinstance(value, dict) and isinstance(laid.get(key), dict)
            laid[key] = overlaid(laid[key], value) if both else value
    return laid


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a configuration file; ConfigError when it is no YAML file of sections."""
    with damage(ConfigError, f"{path}: cannot be read as YAML"):
        return parsed(regular(path, ConfigError).read_text(encoding="utf-8"), str(path))


def parsed(text: str, name: str) -> dict[str, Any]:
    """Read sections from YAML; `name` says in messages where the text stands."""
    try:
        values = yaml.safe_load(text)
    except RecursionError:
        raise ConfigError(f"{name}: cannot be read as YAML (nested too deeply)") from None
    except (ValueError, yaml.YAMLError) as error:  # which says in which line
        raise ConfigError(f"{name}: cannot be read as YAML ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: must hold sections such as 'data:' and 'magnify:'")
    return values


def set_list(path: Path, section: str, key: str, values: Sequence[str]) -> None:
    """Set a key of a section to a list by changing one line of the file; ConfigError: it cannot."""
    before = read_yaml(path)
    wanted = copy.deepcopy(before)
    wanted[section] = (before.get(section) or {}) | {key: list(values)}
    line = in_one_line(list(values))
    changed, found = _with_line(path.read_text(encoding="utf-8"), section, key, line), None
    with suppress(ConfigError):
        found = parsed(changed, str(path))
    if found != wanted:
        raise ConfigError(f"{path}: please write there by hand: {section}.{key}: {line}")
    with replacing(path) as temporary:
        temporary.write_text(changed, encoding="utf-8")
        shutil.copymode(path, temporary)


def in_one_line(values: Any) -> str:
    """Return plain values as YAML in one line."""
    dumped = yaml.safe_dump(
        values, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf
    )
    return dumped.strip()


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
