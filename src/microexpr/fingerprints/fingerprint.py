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
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from microexpr.fingerprints import definitions
from microexpr.fingerprints.definitions import Reference, copied, read
from microexpr.fingerprints.meaning import meaning, neutral
from microexpr.fingerprints.scopes import SEPARATOR, parsed
from microexpr.runtime.files import write_json

DIGITS = 16  # hexadecimal, of a fingerprint
NAMES = re.compile(rf"'([\w.]+{SEPARATOR}\w*)'")
# Fingerprints of the source as it is: a run has many jobs, and each asks for the same ones.
MEMO = Path(".snakemake/microexpr/fingerprints.json")
Choice = Mapping[Reference, str]  # of a table of methods or networks, the entry that is used


def fingerprint(*roots: Reference, choice: Choice | None = None) -> str:
    """Return the fingerprint of definitions and of all that they reach.

    Parameters
    ----------
    *roots : Reference
        Functions or classes.
    choice : mapping of Reference to str, optional
        For a constant that is a dictionary with one entry per method or network: the key of the
        entry that is used. The others do not count.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return _fingerprint(roots, tuple(sorted((choice or {}).items())))


@cache
def _fingerprint(roots: tuple[Reference, ...], choice: tuple[tuple[Reference, str], ...]) -> str:
    (source, known), key = _memo(), repr((roots, choice))
    if key not in known:
        digest = hashlib.sha256()
        for text in _texts(roots, dict(choice))[1]:
            digest.update(text.encode())
        known[key] = digest.hexdigest()[:DIGITS]
        _remember(source, known)
    return known[key]


@cache
def _memo() -> tuple[str, dict[str, str]]:
    """Return a checksum over the package's source, and the fingerprints computed from it."""
    # Another version of Python may write the same source in another way.
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(definitions.PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(definitions.PACKAGE)} {len(content)}\n".encode())
        digest.update(content)
    source = digest.hexdigest()
    with suppress(OSError, ValueError, KeyError, TypeError):
        memo = json.loads(MEMO.read_text(encoding="utf-8"))
        if memo["source"] == source:
            return source, {str(key): str(found) for key, found in memo["fingerprints"].items()}
    return source, {}


def _remember(source: str, fingerprints: dict[str, str]) -> None:
    """Note fingerprints where Snakemake keeps its own notes; a folder without them has none."""
    if MEMO.parents[1].is_dir():
        with suppress(OSError):
            write_json(MEMO, {"source": source, "fingerprints": fingerprints})


def reached(*roots: Reference) -> set[Reference]:
    """Return the definitions that a fingerprint covers."""
    return set(_texts(roots, {})[0])


def _texts(
    roots: tuple[Reference, ...], choice: Mapping[Reference, str]
) -> tuple[dict[Reference, int], list[str]]:
    """Return the definitions with their numbers, in the order of use, and their texts."""
    numbers = {root: number for number, root in enumerate(roots)}
    todo, texts = list(roots), []
    for reference in todo:  # grows
        pieces, names = _spelt(reference, choice.get(reference, ""))
        labels = [_label(name, numbers, todo) for name in names]
        turns = zip(pieces, labels, strict=True)
        texts.append("".join(f"{piece}{label}" for piece, label in turns))
    return numbers, texts


@cache
def _spelt(reference: Reference, key: str) -> tuple[list[str], list[Reference | None]]:
    """Spell a definition in pieces; between them stand the definitions that it names."""
    body = meaning(reference)
    if key:
        body = tuple(_chosen(copied(statement), key) for statement in body)
    # Pieces and names take turns.
    found = NAMES.split("".join(ast.dump(statement) + "\n" for statement in body))
    return found[::2], [*(parsed(name) for name in found[1::2]), None]


def _label(
    reference: Reference | None, numbers: dict[Reference, int], todo: list[Reference]
) -> str:
    """Return the number of a definition in place of its name; what is neutral keeps its name."""
    if reference is None:
        return ""
    if neutral(reference):
        return f"neutral {reference.name}"
    # A module in use as a value: all that it defines can be reached through it.
    inner = [reference] if reference.name else _all_of(reference)
    # What a module does when it is imported counts with whatever is used of it.
    for found in (*inner, Reference(reference.module, "")):
        if found not in numbers and (found.name or read(found.module).effects):
            numbers[found] = len(numbers)
            todo.append(found)
    return f"@{numbers[reference]}" if reference in numbers else f"module {len(inner)}"


def _all_of(module: Reference) -> list[Reference]:
    return [Reference(module.module, name) for name in read(module.module).defined]


def _chosen(statement: ast.stmt, key: str) -> ast.stmt:
    """Keep one entry of the dictionary that a statement binds."""
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Dict):
        pairs = [
            (k, v)
            for k, v in zip(value.keys, value.values, strict=True)
            if not (isinstance(k, ast.Constant) and k.value != key)
        ]
        value.keys, value.values = [k for k, _ in pairs], [v for _, v in pairs]
    return statement
