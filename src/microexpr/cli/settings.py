"""Options of a command that follow from settings classes, so that each is declared once."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, get_args

from pydantic.fields import FieldInfo

from microexpr.config.base import Section

UNITS = ("_hz", "_px")  # end names of keys; options go without
NAMES = {"temporal_filter": "filter", "anchored": "anchor"}


def flag_of(key: str) -> str:
    """Return the option of a key, such as ``--lambda-c`` of ``lambda_c_px``."""
    name = NAMES.get(key, key)
    for unit in UNITS:
        name = name.removesuffix(unit)
    return f"--{name.replace('_', '-')}"


def add_settings(
    group: argparse._ArgumentGroup,
    models: Mapping[str, type[Section]],
    without: Collection[str] = (),
) -> None:
    """Add an option for each key of settings `models`; models that have the same key share it.

    `models` are named in the help where there are several; `without` are keys that get no option.
    """
    fields: dict[str, dict[str, FieldInfo]] = {}
    for name, model in models.items():
        for key, field in model.model_fields.items():
            if key not in without:
                fields.setdefault(key, {})[name] = field
    for key, found in fields.items():
        field = next(iter(found.values()))
        text = "; ".join(_help(name, field) for name, field in found.items())
        _add(group, key, field, text.replace("%", "%%"))


def given(arguments: argparse.Namespace, model: type[Section] | None) -> dict[str, Any]:
    """Return the keys of a model that the user gave, with their values."""
    keys = model.model_fields if model else ()
    values = {key: getattr(arguments, key, None) for key in keys}
    return {key: value for key, value in values.items() if value is not None}


def _add(group: argparse._ArgumentGroup, key: str, field: FieldInfo, text: str) -> None:
    flag, kinds = flag_of(key), get_args(field.annotation)
    if field.annotation is bool:
        group.add_argument(flag, dest=key, action=argparse.BooleanOptionalAction, help=text)
    elif isinstance(field.default, tuple):
        metavar = ("LOW", "HIGH")
        group.add_argument(flag, dest=key, nargs=2, type=_word, metavar=metavar, help=text)
    elif kinds and not any(isinstance(kind, type) for kind in kinds):
        group.add_argument(flag, dest=key, type=_word, choices=kinds, help=text)
    else:
        group.add_argument(flag, dest=key, type=_word, metavar="N", help=text)


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
