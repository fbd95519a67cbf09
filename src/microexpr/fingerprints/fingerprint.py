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
    """Return the fingerprint of functions or classes, with all that they reach: 16 digits.

    Of a registry in `choice` only the row of that name counts.
    """

    def compute() -> str:
        text = "".join(_texts(roots, choice or {})[1])
        return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]

    return remembered(repr((roots, sorted((choice or {}).items()))), compute)


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
        pieces, names = _spelt(reference, choice.get(reference.table, ""))
        labels = [*(_label(name, numbers, todo) for name in names), ""]
        texts += [part for turn in zip(pieces, labels, strict=True) for part in turn]
    return numbers, texts


@cache
def _spelt(reference: Reference, key: str) -> tuple[list[str], list[Reference]]:
    """Spell a definition in pieces; between them stand the definitions that it names."""
    if reference.field:
        return _rows(reference, key)
    text = "".join(ast.dump(statement) + "\n" for statement in meaning(reference))
    found = NAMES.split(text + templates_of(reference))  # pieces and names take turns
    return found[::2], [name for text in found[1::2] if (name := parsed(text))]


def _rows(used: Reference, key: str) -> tuple[list[str], list[Reference]]:
    """Spell what is used of a registry: a field of its rows, or the code that they refer to.

    Without a choice (`key`) all rows are used; of a plain field, those of this package.
    """
    rows = registry(used.table)
    if used.field != "load":
        return [f"{[getattr(rows[n], used.field) for n in ([key] if key else rows.own)]}"], []
    code = [text for name in ([key] if key else rows) for text in rows[name].code]
    names = [Reference(*text.split(":")) for text in code if ":" in text]
    return [f"{[text for text in code if ':' not in text]}", *[""] * len(names)], names


def _label(reference: Reference, numbers: dict[Reference, int], todo: list[Reference]) -> str:
    """Return the number of a definition in place of its name; what is neutral keeps its name."""
    inner = [reference]
    if not reference.field:
        if neutral(reference) or is_registry(reference):
            return f"neutral {reference.name}"
        module = Reference(reference.module, "")
        if not reference.name:  # a module in use as a value: all that it defines can be reached
            inner = [Reference(module.module, name) for name in read(module.module).defined]
        # What a module does when it is imported counts with whatever is used of it.
        inner += [module] if read(module.module).effects else []
    for found in inner:
        if found not in numbers:
            numbers[found] = len(numbers)
            todo.append(found)
    return f"@{numbers[reference]}" if reference in numbers else f"module {len(inner)}"
