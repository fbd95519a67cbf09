"""Fingerprints of code: what a stage's result follows from, and nothing else.

Snakemake does not see edits in an imported package. So each rule carries the fingerprint of its
stage as a parameter: when it changes, the stage runs again. A fingerprint covers the functions,
classes and constants that the stage's ``run`` reaches, by their meaning: neither their names nor
the modules that hold them, no messages, logs, docstrings or type hints, and nothing of the
modules that :data:`microexpr.fingerprints.meaning.NEUTRAL` names.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from microexpr.fingerprints import definitions
from microexpr.fingerprints.definitions import (
    Reference,
    is_registry,
    read,
    registry,
    templates_of,
)
from microexpr.fingerprints.meaning import meaning, neutral
from microexpr.fingerprints.scopes import SEPARATOR, parsed
from microexpr.runtime.files import write_json

DIGITS = 16  # hexadecimal, of a fingerprint
NAMES = re.compile(rf"'([\w.]+{SEPARATOR}[\w.]*)'")
# Fingerprints of the source as it is: a run has many jobs, and each asks for the same ones.
MEMO = Path(".snakemake/microexpr/fingerprints.json")
Choice = Mapping[Reference, str]  # of a registry, the row that is used


def fingerprint(*roots: Reference, choice: Choice | None = None) -> str:
    """Return the fingerprint of definitions and of all that they reach.

    Parameters
    ----------
    *roots : Reference
        Functions or classes.
    choice : mapping of Reference to str, optional
        Of a registry, such as that of the methods: the name of the row that is used. The others do
        not count.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    chosen = tuple(sorted((choice or {}).items()))
    return remembered(repr((roots, chosen)), lambda: _fingerprint(roots, chosen))


def _fingerprint(roots: tuple[Reference, ...], choice: tuple[tuple[Reference, str], ...]) -> str:
    texts = _texts(roots, dict(choice))[1]
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:DIGITS]


def remembered(key: str, compute: Callable[[], str]) -> str:
    """Compute something of the source once, for as long as the source is the same."""
    source, known = _memo()
    if key not in known:
        known[key] = compute()
        if MEMO.parents[1].is_dir():  # where Snakemake keeps its own notes
            with suppress(OSError):
                write_json(MEMO, {"source": source, "known": known})
    return known[key]


@cache
def _memo() -> tuple[str, dict[str, str]]:
    """Return a checksum over the source, extensions included, and what was computed from it."""
    # Another version of Python may write the same source in another way.
    digest = hashlib.sha256(sys.version.encode())
    for name, path in definitions.files():
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    source = digest.hexdigest()
    with suppress(OSError, ValueError, KeyError, TypeError):
        memo = json.loads(MEMO.read_text(encoding="utf-8"))
        if memo["source"] == source:
            return source, {str(key): str(found) for key, found in memo["known"].items()}
    return source, {}


def reached(*roots: Reference, choice: Choice | None = None) -> set[Reference]:
    """Return the definitions that a fingerprint covers; parameters as for it."""
    return set(_texts(roots, choice or {})[0])


def _texts(
    roots: tuple[Reference, ...], choice: Mapping[Reference, str]
) -> tuple[dict[Reference, int], list[str]]:
    """Return the definitions with their numbers, in the order of use, and their texts."""
    numbers = {root: number for number, root in enumerate(roots)}
    todo, texts = list(roots), []
    for reference in todo:  # grows
        table = Reference(reference.module, reference.name.partition(".")[0])
        pieces, names = _spelt(reference, choice.get(table, ""))
        labels = [_label(name, numbers, todo) for name in names]
        turns = zip(pieces, labels, strict=True)
        texts.append("".join(f"{piece}{label}" for piece, label in turns))
    return numbers, texts


@cache
def _spelt(reference: Reference, key: str) -> tuple[list[str], list[Reference | None]]:
    """Spell a definition in pieces; between them stand the definitions that it names."""
    table, _, field = reference.name.partition(".")
    if field:
        return _rows(Reference(reference.module, table), field, key)
    text = "".join(ast.dump(statement) + "\n" for statement in meaning(reference))
    # Pieces and names take turns.
    found = NAMES.split(text + templates_of(reference))
    return found[::2], [*(parsed(name) for name in found[1::2]), None]


def _label(
    reference: Reference | None, numbers: dict[Reference, int], todo: list[Reference]
) -> str:
    """Return the number of a definition in place of its name; what is neutral keeps its name."""
    if reference is None:
        return ""
    if "." not in reference.name and (neutral(reference) or is_registry(reference)):
        return f"neutral {reference.name}"
    # A module in use as a value: all that it defines can be reached through it.
    inner = [reference] if reference.name else _all_of(reference)
    # What a module does when it is imported counts with whatever is used of it.
    effects = () if "." in reference.name else (Reference(reference.module, ""),)
    for found in (*inner, *effects):
        if found not in numbers and (found.name or read(found.module).effects):
            numbers[found] = len(numbers)
            todo.append(found)
    return f"@{numbers[reference]}" if reference in numbers else f"module {len(inner)}"


def _all_of(module: Reference) -> list[Reference]:
    return [Reference(module.module, name) for name in read(module.module).defined]


def _rows(table: Reference, field: str, key: str) -> tuple[list[str], list[Reference | None]]:
    """Spell what is used of a registry: a field of its rows, or the code that they refer to.

    Without a choice (`key`) all rows are used; of a plain field, those of this package.
    """
    rows = registry(table)
    if field != "load":
        values = [getattr(rows[name], field) for name in ([key] if key else rows.own)]
        return [f"{values}"], [None]
    used = [text for name in ([key] if key else rows) for text in rows[name].code]
    places = [text.split(":") for text in used if ":" in text]
    names = [Reference(module, name) for module, name in places]
    return [f"{[text for text in used if ':' not in text]}", *[""] * len(names)], [*names, None]
