"""Fingerprints of code, and what a cache says about its origin.

Snakemake does not see edits in an imported package. So each rule carries the fingerprint of the
modules that its stage uses as a parameter: when their code changes the stage runs again.
"""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from microexpr.cache import Provenance, open_cache, verify
from microexpr.errors import CacheError
from microexpr.files import sha256_of

PACKAGE = Path(__file__).parent
NAME = __package__
# What these do reaches a stage's result only through its parameters (config) or not at all.
IGNORED = {f"{NAME}.{m}" for m in ("config", "errors", "progress", "provenance", "stages")} | {NAME}
MAKERS = {"frames": "decode", "faces": "crop", "magnified": "magnify", "features": "features"}
LIBRARIES = ("torch", "numpy", "scipy", "opencv-python-headless", "h5py", "scikit-learn")


def fingerprint(*modules: str) -> str:
    """Hash modules of this package and all modules of it that they import.

    Parameters
    ----------
    *modules : str
        Full names, such as ``microexpr.stages.magnify``.

    Returns
    -------
    str
        16 hexadecimal digits. Comments, docstrings and layout do not count.
    """
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += _module(module)[1] - IGNORED
    text = "".join(f"{module} {_module(module)[0]}\n" for module in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _module(name: str) -> tuple[str, frozenset[str]]:
    """Give a module's own hash and the modules of this package that it imports."""
    path = _path(name)
    if path is None:
        raise ModuleNotFoundError(name)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(name, path, node)
            imported |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    inside = {m for m in imported if f"{m}.".startswith(f"{NAME}.") and _path(m)}
    code = ast.dump(_without_docstrings(tree))
    return hashlib.sha256(code.encode()).hexdigest(), frozenset(inside - {name})


def _path(name: str) -> Path | None:
    stem = PACKAGE.joinpath(*name.split(".")[1:])
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _absolute(name: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parents = name.split(".") + [""] * (path.name == "__init__.py")
    return ".".join(parents[: -node.level] + ([node.module] if node.module else []))


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


def provenance(
    stage_module: str,
    params: Mapping[str, Any],
    inputs: Iterable[str | os.PathLike[str]],
    *,
    weights_name: str = "",
    weights_sha256: str = "",
) -> Provenance:
    """Describe the making of a cache.

    Parameters
    ----------
    stage_module : str
        The module of the stage; its fingerprint is stored.
    params : mapping
        The part of the configuration that the stage read.
    inputs : iterable of path-like
        Files read; their checksums are stored. A cache (.h5) is read as a whole for it, and has to
        be what it was written as; its checksum is that of its content.
    weights_name, weights_sha256 : str
        Of the network, where there is one.

    Raises
    ------
    CacheError
        When a cache is damaged, or was made by other code than this.
    """
    return Provenance(
        source_sha256=fingerprint(stage_module),
        params=params,
        inputs=tuple({"path": Path(p).name, "sha256": _checksum(Path(p))} for p in inputs),
        environment={name: version(name) for name in LIBRARIES},
        weights_name=weights_name,
        weights_sha256=weights_sha256,
    )


def _checksum(path: Path) -> str:
    if path.suffix != ".h5":
        return sha256_of(path)
    with open_cache(path) as cache:
        check_code(str(path), cache.kind, str(cache.attributes["source_sha256"]))
    return verify(path)


def check_code(path: str, kind: str, source_sha256: str) -> None:
    """Refuse a cache of other code, which Snakemake has not seen to.

    Parameters
    ----------
    path : str
        For the message.
    kind : str
        Of the cache.
    source_sha256 : str
        What the cache says; empty: it was not made by a stage.

    Raises
    ------
    CacheError
        When the stage that makes such caches has changed.
    """
    now = fingerprint(f"{NAME}.stages.{MAKERS[kind]}")
    if source_sha256 not in ("", now):
        raise CacheError(
            f"{path}: made by other code of stage {MAKERS[kind]} ({source_sha256}, now {now}); "
            f"rebuild it: snakemake --forcerun {MAKERS[kind]}"
        )
