"""Fingerprints of code: what a stage's result follows from, and nothing else.

Snakemake does not see edits in an imported package, so rules carry them as parameters.
``results/adopted.json`` holds code that was shown to give the same results.
"""

import ast
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microexpr.errors import DataError
from microexpr.fingerprints import definitions
from microexpr.fingerprints.definitions import NAME, Reference, read
from microexpr.fingerprints.meaning import meaning, neutral
from microexpr.fingerprints.scopes import SEPARATOR, parsed
from microexpr.runtime.files import read_note, write_json
from microexpr.runtime.registry import resolve

DIGITS = 16  # hexadecimal, of a fingerprint
NAMES = re.compile(rf"'([\w.]+{SEPARATOR}[\w.]*)'")
# Fingerprints of the source as it is: a run has many jobs, and each asks for the same ones.
MEMO = Path(".snakemake/microexpr/fingerprints.json")
Choice = Mapping[Reference, str]  # of a registry, the row that is used
ADOPTED = Path("results/adopted.json")
# Names another file: `microexpr adopt` asks what would be stale if code were adopted.
CANDIDATE = "MICROEXPR_ADOPTED"
# Registries of which a job uses one row; of a stage that reaches several, the first counts.
CHOICES = {
    "system": Reference(f"{NAME}.baselines", "SYSTEMS"),
    "method": Reference(f"{NAME}.magnify.methods", "METHODS"),
    "network": Reference(f"{NAME}.backbones.networks", "NETWORKS"),
}


@dataclass(frozen=True)
class Code:
    """The code of a stage; of a registry only the row counts that a job uses, if one is named."""

    stage: str
    method: str = ""
    network: str = ""
    system: str = ""

    @property
    def name(self) -> str:
        """Such as ``crop``, ``magnify:pmm`` or ``train_system:ststnet``."""
        used = self.method or self.network or self.system
        return f"{self.stage}:{used}" if used else self.stage

    @property
    def fingerprint(self) -> str:
        """What results of this code carry."""
        chosen = {table: getattr(self, name) for name, table in CHOICES.items()}
        choice = {table: name for table, name in chosen.items() if name}
        return fingerprint(functions()[self.stage], choice=choice)

    @property
    def accepted(self) -> str:
        """The fingerprint that results carry: that of older code where this one was adopted."""
        return canonical(self.stage, self.fingerprint)


@cache
def functions() -> dict[str, Reference]:
    """Return the functions that do the work of stages, public ones of their modules, by name."""
    folder = definitions.path_of(f"{NAME}.stages")
    assert folder is not None
    names = sorted(path.stem for path in folder.parent.glob("*.py") if path != folder)
    modules = [f"{NAME}.stages.{name}" for name in names]
    found = {
        name: Reference(module, name)
        for module in modules
        for name, (first, *_) in read(module).defined.items()
        if isinstance(first, ast.FunctionDef) and not name.startswith("_")
    }
    return dict(sorted(found.items()))


def canonical(stage: str, code: str) -> str:
    """Return the older fingerprint that was shown to give the results of `code`, or `code`."""
    known, seen = adopted().get(stage, {}), set[str]()
    while code in known and code not in seen:
        seen.add(code)
        code = known[code]
    return code


def adopted() -> dict[str, dict[str, str]]:
    """Read ``results/adopted.json``: which code gives the results of which older code, by stage."""
    path = Path(os.environ.get(CANDIDATE, ADOPTED))
    if not path.exists():
        return {}
    try:
        stages = json.loads(path.read_text(encoding="utf-8"))["stages"]
        return {str(k): {str(a): str(b) for a, b in v.items()} for k, v in stages.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: cannot be read ({type(error).__name__}); delete it and run "
            "microexpr adopt again"
        ) from None


def choice_of(stage: str) -> str:
    """Return what a job of a stage chooses: ``system``, ``method``, ``network`` or nothing."""

    def find() -> str:
        tables = {r.table for r in reached(functions()[stage]) if r.field == "load"}
        return next((name for name, table in CHOICES.items() if table in tables), "")

    return remembered(f"choice of {stage}", find)


def codes(stage: str) -> list[Code]:
    """Return the code of a stage's jobs: one per row that a job may choose."""
    choice = choice_of(stage)
    if not choice:
        return [Code(stage)]
    rows = resolve(CHOICES[choice].full).values()
    return [Code(stage, **{choice: row.name}) for row in rows if row.code]


def is_current(stage: str, code: str) -> bool:
    """Tell whether results that carry a fingerprint are those that today's code gives."""
    return canonical(stage, code) in [canonical(stage, now.fingerprint) for now in codes(stage)]


def fingerprint(*roots: Reference, choice: Choice | None = None) -> str:
    """Return the fingerprint of definitions and all they reach; of registries, rows in `choice`."""

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
    memo = read_note(MEMO)
    return source, memo["known"] if memo.get("source") == source else {}


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
    found = NAMES.split(text + definitions.templates_of(reference))  # pieces and names take turns
    return found[::2], [name for text in found[1::2] if (name := parsed(text))]


def _rows(used: Reference, key: str) -> tuple[list[str], list[Reference]]:
    """Spell what is used of a registry: a field of its rows, or the code that they refer to.

    Without a choice (`key`) all rows are used; of a plain field, those of this package.
    """
    rows = resolve(used.table.full)
    if used.field != "load":
        return [f"{[getattr(rows[n], used.field) for n in ([key] if key else rows.own)]}"], []
    code = [text for name in ([key] if key else rows) for text in rows[name].code]
    names = [Reference(*text.split(":")) for text in code if ":" in text]
    return [f"{[text for text in code if ':' not in text]}", *[""] * len(names)], names


def _label(reference: Reference, numbers: dict[Reference, int], todo: list[Reference]) -> str:
    """Return the number of a definition in place of its name; what is neutral keeps its name."""
    inner = [reference]
    if not reference.field:
        if neutral(reference) or definitions.is_registry(reference):
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
