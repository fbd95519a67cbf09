"""The code that a stage's results follow from, and code that was shown to give the same."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microexpr.errors import DataError
from microexpr.fingerprints.definitions import NAME, Reference, path_of, read
from microexpr.fingerprints.fingerprint import fingerprint

ADOPTED = Path("results/adopted.json")
# Names another file: `microexpr adopt` asks what would be stale if code were adopted.
CANDIDATE = "MICROEXPR_ADOPTED"
METHODS = Reference(f"{NAME}.magnify.clip_pixels", "METHODS")
NETWORKS = Reference(f"{NAME}.backbones.factory", "ARCHITECTURES")
SYSTEMS = f"{NAME}.baselines"


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
        Compared system of stage compare: its class is looked up by name.
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
        """What :func:`microexpr.fingerprints.fingerprint.fingerprint` says of it."""
        choice = {METHODS: self.method, NETWORKS: self.network}
        roots = [Reference(f"{NAME}.stages.{self.stage}", "run")]
        if self.system:
            roots.append(_system(self.system))
        return fingerprint(*roots, choice={k: name for k, name in choice.items() if name})

    @property
    def accepted(self) -> str:
        """The fingerprint that results carry: that of older code where this one was adopted."""
        return canonical(self.stage, self.fingerprint)


def _system(name: str) -> Reference:
    from microexpr.baselines import CLASSES  # noqa: PLC0415 (a table of names)

    return Reference(f"{SYSTEMS}.{name}", CLASSES[name])


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


def fingerprints(stage: str) -> list[str]:
    """Return the fingerprints that a stage's results may carry: one per method or network."""
    if stage == "magnify":
        return [Code(stage, method=name).fingerprint for name in entries(METHODS)]
    if stage == "features":
        return [Code(stage, network=name).fingerprint for name in entries(NETWORKS)]
    return [Code(stage).fingerprint]


def entries(table: Reference) -> list[str]:
    """Return the keys of a constant that is a dictionary: names of methods or networks."""
    (statement,) = read(table.module).defined[table.name]
    value = getattr(statement, "value", None)
    assert isinstance(value, ast.Dict)
    return [str(key.value) for key in value.keys if isinstance(key, ast.Constant)]


def is_current(stage: str, code: str) -> bool:
    """Tell whether results that carry a fingerprint are those that today's code gives."""
    now = {canonical(stage, known) for known in fingerprints(stage)}
    return canonical(stage, code) in now


def stages() -> list[str]:
    """List the stages: modules of :mod:`microexpr.stages`, in the order of their names."""
    folder = path_of(f"{NAME}.stages")
    assert folder is not None
    return sorted(path.stem for path in folder.parent.glob("*.py") if path.stem != "__init__")
