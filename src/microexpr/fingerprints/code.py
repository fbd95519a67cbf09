"""The code that a stage's results follow from, and code that was shown to give the same."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microexpr.errors import DataError
from microexpr.fingerprints.definitions import NAME, Reference, loaded, path_of, registry
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
        Name of a module of :mod:`microexpr.stages`.
    method : str
        Of magnification: another one's code does not count. Empty: all of them.
    network : str
        Backbone, likewise.
    system : str
        Compared system, likewise.
    """

    stage: str
    method: str = ""
    network: str = ""
    system: str = ""

    @property
    def name(self) -> str:
        """Such as ``crop``, ``magnify:pmm`` or ``compare:ststnet``."""
        used = self.method or self.network or self.system
        return f"{self.stage}:{used}" if used else self.stage

    @property
    def fingerprint(self) -> str:
        """What results of this code carry."""
        chosen = {table: getattr(self, name) for name, table in CHOICES.items()}
        root = Reference(f"{NAME}.stages.{self.stage}", "run")
        return fingerprint(root, choice={table: name for table, name in chosen.items() if name})

    @property
    def accepted(self) -> str:
        """The fingerprint that results carry: that of older code where this one was adopted."""
        return canonical(self.stage, self.fingerprint)


def canonical(stage: str, code: str) -> str:
    """Return the older code that was shown to give the results of `code`, or `code` itself.

    Parameters
    ----------
    stage : str
        Name of the stage.
    code : str
        A fingerprint.

    Raises
    ------
    DataError
        When the record of adopted code cannot be read.
    """
    known = adopted().get(stage, {})
    seen = {code}
    while code in known and known[code] not in seen:
        code = known[code]
        seen.add(code)
    return code


def adopted() -> dict[str, dict[str, str]]:
    """Read which code gives the results of which older code, by stage.

    Raises
    ------
    DataError
        When ``results/adopted.json`` cannot be read.
    """
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
        found = reached(Reference(f"{NAME}.stages.{stage}", "run"))
        return next((name for name, table in CHOICES.items() if loaded(table) in found), "")

    return remembered(f"choice of {stage}", find)


def codes(stage: str) -> list[Code]:
    """Return the code of a stage's jobs: one per row that a job may choose."""
    choice = choice_of(stage)
    if not choice:
        return [Code(stage)]
    rows = registry(CHOICES[choice]).values()
    return [Code(stage, **{choice: row.name}) for row in rows if row.code]


def fingerprints(stage: str) -> list[str]:
    """Return the fingerprints that a stage's results may carry."""
    return [code.fingerprint for code in codes(stage)]


def is_current(stage: str, code: str) -> bool:
    """Tell whether results that carry a fingerprint are those that today's code gives."""
    now = {canonical(stage, known) for known in fingerprints(stage)}
    return canonical(stage, code) in now


def stages() -> list[str]:
    """List the stages: modules of :mod:`microexpr.stages`, in the order of their names."""
    folder = path_of(f"{NAME}.stages")
    assert folder is not None
    return sorted(path.stem for path in folder.parent.glob("*.py") if path.stem != "__init__")
