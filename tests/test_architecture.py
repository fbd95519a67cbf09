"""The rooms of the package: which one may use which, and how long modules and functions are."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/microexpr"
# Low to high, as CONTRIBUTING.md draws it. Rooms of one line do not use each other.
ORDER = (
    ("errors",),
    ("runtime",),
    ("config",),
    ("fingerprints",),
    ("magnify", "backbones"),
    ("demo",),
    ("video",),
    ("datasets",),
    ("face",),
    ("cache",),
    ("protocol",),
    ("training",),
    ("evaluation",),
    ("baselines",),
    ("studies",),
    ("figures",),
    ("explain",),
    ("report",),
    ("apps",),
    ("stages",),
    ("pipeline",),
    ("adopt", "estimate", "privacy"),
    ("cli",),
    ("__main__",),
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
LONGEST_MODULE, LONGEST_FUNCTION = 300, 60
PLANNING = (
    "microexpr.pipeline.plan",
    "microexpr.pipeline.environment",
    "microexpr.studies.variants",
    "microexpr.runtime.files",
)
# What Snakemake brings along, and so a plan may use.
LIGHT = {"yaml", "pydantic", "pydantic_core", "snakemake"}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room(module: str) -> str:
    """Return the folder, or the module at the root, that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported(module: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Yield what an import statement reaches: modules, or names in them."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    assert node.level == 0, f"{module}: relative import"
    yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(name: str) -> str | None:
    """Return the module of this package that a name is or stands in."""
    while name not in MODULES:
        name, dot, _ = name.rpartition(".")
        if not dot:
            return None
    return name


@cache
def arrows(module: str) -> frozenset[str]:
    """Return the modules of this package that a module uses, at any place."""
    statements = [n for n in ast.walk(tree(module)) if isinstance(n, (ast.Import, ast.ImportFrom))]
    found = {own(name) for node in statements for name in imported(module, node)}
    return frozenset(found - {None, module})


def loaded(module: str) -> Iterator[str]:
    """Yield what is imported when a module is: not in functions, not for types only."""
    waiting: list[ast.stmt] = list(tree(module).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imported(module, node)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)]


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring and its imports."""
    others = [n for n in node.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    others += node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
    return node.end_lineno - node.lineno + 1 - sum(n.end_lineno - n.lineno + 1 for n in others)


def test_every_room_has_its_place():
    assert {room(module) for module in MODULES} - {""} == set(LEVEL)


@pytest.mark.parametrize("name", sorted(LEVEL))
def test_a_room_uses_lower_ones_only(name):
    wrong = [
        f"{module} -> {used}"
        for module in MODULES
        if room(module) == name
        for used in sorted(arrows(module))
        if room(used) not in ("", name) and LEVEL[room(used)] >= LEVEL[name]
    ]
    assert wrong == []


def test_modules_import_each_other_in_no_circle():
    seen: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in seen:
            for used in sorted({own(name) for name in loaded(module)} - {None, module}):
                visit(used, (*path, module))
            seen.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize("name", ["stages", "apps"])
def test_stages_are_imported_by_no_other_stage_and_no_program(name):
    wrong = [
        f"{module} -> {used}"
        for module in MODULES
        if room(module) == name
        for used in sorted(arrows(module))
        if used.startswith("microexpr.stages.")
    ]
    assert wrong == []


def test_planning_loads_no_heavy_library():
    known, waiting = set(), set(PLANNING)
    wrong = []
    while waiting:
        module = waiting.pop()
        known.add(module)
        for name in loaded(module):
            used = own(name)
            if used is not None:
                # Importing a module imports the packages that it lies in.
                parts = used.split(".")
                around = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
                waiting |= around - known
            elif name.partition(".")[0] not in LIGHT | sys.stdlib_module_names:
                wrong.append(f"{module} -> {name}")
    assert sorted(set(wrong)) == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_is_a_chapter_and_a_function_a_paragraph(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, kinds)]
    lengths = {node.name: code_lines(node) for node in functions}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}
