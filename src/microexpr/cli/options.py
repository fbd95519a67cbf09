"""Options of a command that follow from settings classes, so that each is declared once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, get_args

from pydantic.fields import FieldInfo

from microexpr.config.base import Section

NAMES = {"temporal_filter": "filter", "anchored": "anchor"}


def flag_of(key: str) -> str:
    """Return the option of a key, such as ``--lambda-c`` of ``lambda_c_px``."""
    name = NAMES.get(key, key).removesuffix("_hz").removesuffix("_px")
    return f"--{name.replace('_', '-')}"


def add_settings(
    group: argparse._ArgumentGroup, models: Mapping[str, type[Section]], without: str = ""
) -> None:
    """Add an option for each key of settings `models`; models that have the same key share it.

    `models` are named in the help where there are several; `without` is a key without option.
    """
    for key in dict.fromkeys(key for model in models.values() for key in model.model_fields):
        found = {n: m.model_fields[key] for n, m in models.items() if key in m.model_fields}
        text = "; ".join(_help(name, field) for name, field in found.items()).replace("%", "%%")
        how = _reading(next(iter(found.values())))
        if key != without:
            group.add_argument(flag_of(key), dest=key, help=text, **how)


def given(arguments: argparse.Namespace, model: type[Section] | None) -> dict[str, Any]:
    """Return the keys of a model that the user gave, with their values."""
    keys = model.model_fields if model else ()
    values = {key: getattr(arguments, key, None) for key in keys}
    return {key: value for key, value in values.items() if value is not None}


def _reading(field: FieldInfo) -> dict[str, Any]:
    kinds = get_args(field.annotation)
    if field.annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    if isinstance(field.default, tuple):
        return {"type": _word, "nargs": 2, "metavar": ("LOW", "HIGH")}
    choice = kinds and not any(isinstance(kind, type) for kind in kinds)
    return {"type": _word, **({"choices": kinds} if choice else {"metavar": "N"})}


def _help(name: str, field: FieldInfo) -> str:
    default = field.default
    shown = " ".join(f"{edge:g}" for edge in default) if isinstance(default, tuple) else default
    shown = {True: "on", False: "off"}[default] if isinstance(default, bool) else shown
    text = f"{name}: {field.description}" if name else str(field.description)
    return text if default is None else f"{text} [{shown}]"


def _word(word: str) -> Any:
    """Read a number, or else text; the settings class says what is possible."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(word)
    return word
