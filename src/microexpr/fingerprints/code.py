"""The code that a stage's results follow from, and code that was shown to give the same."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microexpr.errors import DataError
from microexpr.fingerprints.definitions import NAME, Reference, path_of, read, registry
from microexpr.fingerprints.fingerprint import fingerprint, reached, remembered

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
    """The code of a stage, as far as one of its jobs uses it.

    Parameters
    ----------
    stage : str
        Name of a function in a module of :mod:`microexpr.stages`.
    method, network, system : str
        The row that a job uses: the code of others does not count. Empty: all of them.
    """

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
        return fingerprint(function_of(self.stage), choice=choice)

    @property
    def accepted(self) -> str:
        """The fingerprint that results carry: that of older code where this one was adopted."""
        return canonical(self.stage, self.fingerprint)


@cache
def _functions() -> dict[str, Reference]:
    """Return the functions of all stages by name: the public ones in modules of the stages."""
    folder = path_of(f"{NAME}.stages")
    assert folder is not None
    names = sorted(path.stem for path in folder.parent.glob("*.py") if path != folder)
    modules = [f"{NAME}.stages.{name}" for name in names]
    return {
        name: Reference(module, name)
        for module in modules
        for name, (first, *_) in read(module).defined.items()
        if isinstance(first, ast.FunctionDef) and not name.startswith("_")
    }


def function_of(stage: str) -> Reference:
    """Return the function that does the work of a stage."""
    return _functions()[stage]


def canonical(stage: str, code: str) -> str:
    """Return the older fingerprint that was shown to give the results of `code`, or `code` itself.

    DataError when the record of adopted code cannot be read.
    """
    known, seen = adopted().get(stage, {}), set[str]()
    while code in known and code not in seen:
        seen.add(code)
        code = known[code]
    return code


def adopted() -> dict[str, dict[str, str]]:
    """Read ``results/adopted.json``: which code gives the results of which older code, by stage."""
    path = Path(os.environ.get(CANDIDATE, ADOPTED))
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return {}
    return _read(path.resolve(), changed)


@cache
def _read(path: Path, changed: int) -> dict[str, dict[str, str]]:
    del changed  # a file that was written anew is read anew
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
        tables = {r.table for r in reached(function_of(stage)) if r.field == "load"}
        return next((name for name, table in CHOICES.items() if table in tables), "")

    return remembered(f"choice of {stage}", find)


def codes(stage: str) -> list[Code]:
    """Return the code of a stage's jobs: one per row that a job may choose."""
    choice = choice_of(stage)
    if not choice:
        return [Code(stage)]
    return [Code(stage, **{choice: r.name}) for r in registry(CHOICES[choice]).values() if r.code]


def is_current(stage: str, code: str) -> bool:
    """Tell whether results that carry a fingerprint are those that today's code gives."""
    return canonical(stage, code) in [canonical(stage, now.fingerprint) for now in codes(stage)]


def stages() -> list[str]:
    """List the names of the stages in alphabetic order."""
    return sorted(_functions())
