"""The package's source as definitions: functions, classes and constants, and what names mean.

Nothing is imported: the source text is read. So the workflow can ask what a stage is made of where
none of the stage's libraries is installed.
"""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from microexpr.runtime.registry import Registry, extension_packages, resolve

PACKAGE = Path(__file__).parents[1]
NAME = __name__.partition(".")[0]
REGISTRY = f"{NAME}.runtime.registry.Registry"
BINDS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


@dataclass(frozen=True, order=True)
class Reference:
    """A definition of this package: a function, a class or a constant of a module.

    Parameters
    ----------
    module : str
        Full name, such as ``microexpr.magnify.phase``.
    name : str
        At the module's top level. Empty: the module itself, all that it defines.
    """

    module: str
    name: str


@dataclass(frozen=True)
class Module:
    """What a module's top level binds.

    Parameters
    ----------
    defined : mapping of str to list of statements
        Functions, classes and constants. A constant may be made by several statements.
    imported : mapping of str to str
        Full names that imports bind.
    effects : list of statements
        What is neither: it runs when the module is imported.
    """

    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)


def copied(source: Any) -> Any:
    """Copy a piece of source; as deepcopy does, in a fifth of the time."""
    return pickle.loads(pickle.dumps(source, pickle.HIGHEST_PROTOCOL))


def is_ours(module: str) -> bool:
    """Tell whether a module belongs to this package or to an extension."""
    top = module.partition(".")[0]
    return top == NAME or top in extension_packages()


def files() -> list[tuple[str, Path]]:
    """List the source files of this package and of the extensions, with names for them.

    Templates of pages are source as well.
    """
    found = []
    for top in (NAME, *sorted(extension_packages())):
        place = PACKAGE if top == NAME else _place(top)
        paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        paths += sorted(place.rglob("templates/*"))
        found += [(f"{top} {path.relative_to(place.parent)}", path) for path in paths]
    return found


def templates_of(constant: Reference) -> str:
    """Return the text of the templates that a constant ``TEMPLATES`` stands for, else nothing.

    They lie in the folder ``templates`` beside the constant's module.
    """
    path = path_of(constant.module)
    if constant.name != "TEMPLATES" or path is None:
        return ""
    return "".join(file.read_text("utf-8") for file in sorted(path.parent.glob("templates/*")))


@cache
def path_of(module: str) -> Path | None:
    """Return the file of a module of this package or of an extension; None where there is none."""
    if not is_ours(module):
        return None
    top, *rest = module.split(".")
    stem = (PACKAGE if top == NAME else _place(top)).joinpath(*rest)
    return next((p for p in (stem / "__init__.py", stem.with_suffix(".py")) if p.is_file()), None)


def _place(top: str) -> Path:
    """Return the folder of a package, or the place of a module without its suffix."""
    spec = find_spec(top)
    folders = spec.submodule_search_locations if spec else None
    if folders:
        return Path(next(iter(folders)))
    return Path(spec.origin).with_suffix("") if spec and spec.origin else Path(top)


def is_registry(reference: Reference) -> bool:
    """Tell whether a definition is a registry of rows."""
    for statement in read(reference.module).defined.get(reference.name, []):
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            return read(reference.module).imported.get(value.func.id) == REGISTRY
    return False


def registry(reference: Reference) -> Registry[Any]:
    """Import a registry: light, see :mod:`microexpr.runtime.registry`."""
    found: Registry[Any] = resolve(f"{reference.module}:{reference.name.partition('.')[0]}")
    return found


def loaded(table: Reference) -> Reference:
    """Return what stands for the code that the rows of a registry refer to."""
    return Reference(table.module, f"{table.name}.load")


@cache
def read(module: str) -> Module:
    """Read a module of this package.

    Raises
    ------
    ModuleNotFoundError
        When there is no such module.
    """
    path = path_of(module)
    if path is None:
        raise ModuleNotFoundError(module)
    found = Module()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for statement in _flat(tree.body):
        _bind(statement, module, found)
    return found


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Go through statements; both branches of ``if`` and ``try`` bind names as others do."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield from _flat([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.Try):
            yield from _flat([*statement.body, *statement.orelse, *statement.finalbody])
            for handler in statement.handlers:
                yield from _flat(handler.body)
        else:
            yield statement


def _bind(statement: ast.stmt, module: str, found: Module) -> None:
    """Note what a statement of the top level binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        found.imported.update(imports(statement, module))
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        found.defined.setdefault(statement.name, []).append(statement)
    elif isinstance(statement, BINDS):
        for name in _bound(statement):
            found.defined.setdefault(name, []).append(statement)
    elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
        found.effects.append(statement)


def _bound(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[str]:
    """Names that an assignment binds, or whose attribute or item it sets."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    names = []
    for target in targets:
        elements = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        for element in elements:
            inner: ast.expr = element
            while isinstance(inner, ast.Attribute | ast.Subscript | ast.Starred):
                inner = inner.value
            if isinstance(inner, ast.Name):
                names.append(inner.id)
    return names


def imports(statement: ast.Import | ast.ImportFrom, module: str) -> dict[str, str]:
    """Return the names that an import binds, with the full name of what they stand for.

    Parameters
    ----------
    statement : Import or ImportFrom
        At the top level or inside a function.
    module : str
        Where it stands.
    """
    if isinstance(statement, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
            for alias in statement.names
        }
    base = _absolute(statement, module)
    return {alias.asname or alias.name: f"{base}.{alias.name}" for alias in statement.names}


def _absolute(statement: ast.ImportFrom, module: str) -> str:
    if not statement.level:
        return statement.module or ""
    path = path_of(module)
    parents = module.split(".") + [""] * (path is not None and path.name == "__init__.py")
    base = parents[: -statement.level]
    return ".".join([*base, statement.module] if statement.module else base)


def locate(full_name: str) -> Reference | str | None:
    """Find what a full name stands for.

    Returns
    -------
    Reference, str or None
        A definition or a module of this package; the name itself where it belongs to another
        library; None where this package has nothing of that name.
    """
    if not is_ours(full_name):
        return full_name
    base, _, name = full_name.rpartition(".")
    if base and path_of(base) and (found := lookup(base, name)) is not None:
        return found
    return Reference(full_name, "") if path_of(full_name) else None


def lookup(module: str, name: str) -> Reference | str | None:
    """Find what a name means in a module; None where the module does not bind it."""
    known = read(module)
    if name in known.defined:
        return Reference(module, name)
    if name in known.imported:
        target = known.imported[name]
        if target == f"{module}.{name}":  # a package that imports its own module
            return Reference(target, "") if path_of(target) else None
        return locate(target)
    return Reference(f"{module}.{name}", "") if path_of(f"{module}.{name}") else None
