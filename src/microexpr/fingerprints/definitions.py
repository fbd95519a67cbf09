"""The package's source as definitions: functions, classes and constants, and what names mean.

The text is read, only registries are imported: planning has none of the stages' libraries.
"""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from microexpr.runtime.registry import extension_packages

PACKAGE = Path(__file__).parents[1]
NAME = __name__.partition(".")[0]
REGISTRY = f"{NAME}.runtime.registry.Registry"
SourceT = TypeVar("SourceT")


@dataclass(frozen=True, order=True)
class Reference:
    """A definition at the top level of a module of ours or of an extension.

    Without a name the module itself, all that it defines. Of a registry, ``METHODS.load`` is the
    code that its rows refer to, ``METHODS.colour`` a field of them.
    """

    module: str
    name: str

    @property
    def full(self) -> str:
        """Its name as registries have it, ``module:name``."""
        return f"{self.module}:{self.name}"

    @property
    def table(self) -> Reference:
        """The registry, where this is something of its rows."""
        return Reference(self.module, self.name.partition(".")[0])

    @property
    def field(self) -> str:
        """Field of the rows of a registry; empty for other definitions."""
        return self.name.partition(".")[2]


@dataclass(frozen=True)
class Module:
    """What a top level defines (a constant: by several statements), imports, and does at import."""

    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)


def copied(source: SourceT) -> SourceT:
    """Copy a piece of source, like deepcopy but in a fifth of the time."""
    found: SourceT = pickle.loads(pickle.dumps(source, pickle.HIGHEST_PROTOCOL))
    return found


def is_ours(module: str) -> bool:
    """Tell whether a module belongs to this package or to an extension."""
    top = module.partition(".")[0]
    return top == NAME or top in extension_packages()


def files() -> list[tuple[str, Path]]:
    """List the source files of this package and of extensions, templates too, with their names."""
    found = []
    for top in (NAME, *sorted(extension_packages())):
        place = _place(top)
        paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        paths += sorted(place.rglob("templates/*"))
        found += [(f"{top} {path.relative_to(place.parent)}", path) for path in paths]
    return found


def templates_of(constant: Reference) -> str:
    """Return the text of the folder ``templates`` beside a constant ``TEMPLATES``, else nothing."""
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
    stem = _place(top).joinpath(*rest)
    return next((p for p in (stem / "__init__.py", stem.with_suffix(".py")) if p.is_file()), None)


def _place(top: str) -> Path:
    """Return the folder of a package, or the path of a module without its suffix."""
    if top == NAME:
        return PACKAGE
    spec = find_spec(top)
    folders = spec.submodule_search_locations if spec else None
    if folders:
        return Path(next(iter(folders)))
    return Path(spec.origin).with_suffix("") if spec and spec.origin else Path(top)


def is_registry(reference: Reference) -> bool:
    """Tell whether a definition is a registry of rows."""
    module = read(reference.module)
    values = [getattr(s, "value", None) for s in module.defined.get(reference.name, [])]
    called = [value.func for value in values if isinstance(value, ast.Call)]
    return any(isinstance(f, ast.Name) and module.imported.get(f.id) == REGISTRY for f in called)


@cache
def read(module: str) -> Module:
    """Read a module of this package or of an extension; ModuleNotFoundError without one."""
    path = path_of(module)
    if path is None:
        raise ModuleNotFoundError(module)
    found = Module()
    for statement in _flat(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found.imported.update(imports(statement, module))
        elif names := _bound(statement):
            for name in names:
                found.defined.setdefault(name, []).append(statement)
        elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            found.effects.append(statement)
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


def _bound(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines, or whose attribute or item it sets."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    kinds = (ast.Attribute, ast.Subscript, ast.Starred)
    return [name for target in elements(targets) if (name := first_name(target, *kinds))]


def elements(targets: Sequence[ast.expr]) -> list[ast.expr]:
    """Return targets one by one: of a tuple or a list what is in it."""
    several = (t.elts if isinstance(t, ast.Tuple | ast.List) else [t] for t in targets)
    return [target for some in several for target in some]


def first_name(node: ast.expr, *kinds: type[ast.expr]) -> str:
    """Return the name that a chain of attributes, or of other `kinds`, begins with; else ``""``."""
    while isinstance(node, kinds or ast.Attribute):
        node = node.value  # type: ignore[attr-defined]
    return node.id if isinstance(node, ast.Name) else ""


def imports(statement: ast.Import | ast.ImportFrom, module: str) -> dict[str, str]:
    """Return the names that an import in `module` binds, and the full names they stand for."""
    if isinstance(statement, ast.Import):
        tops = ((alias, alias.name.partition(".")[0]) for alias in statement.names)
        return {a.asname or top: a.name if a.asname else top for a, top in tops}
    base = statement.module or ""
    if statement.level:
        path = path_of(module)
        parents = module.split(".") + [""] * (path is not None and path.name == "__init__.py")
        base = ".".join(parents[: -statement.level] + ([base] if base else []))
    return {alias.asname or alias.name: f"{base}.{alias.name}" for alias in statement.names}


def locate(full_name: str) -> Reference | str | None:
    """Find what a full name stands for: ours, another library's (the name itself), or nothing."""
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
    target = known.imported.get(name, f"{module}.{name}")
    if target == f"{module}.{name}":  # a module of a package, imported or not
        return Reference(target, "") if path_of(target) else None
    return locate(target)
