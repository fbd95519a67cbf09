"""Source without what cannot change a result: messages, logs, docstrings, type hints, progress.

Where it cannot be seen that a change is harmless, the meaning differs, and a stage runs again.
"""
# ruff: noqa: N815 (methods of visitors)

import ast
from collections.abc import Callable
from functools import cache
from typing import Any

from microexpr.fingerprints import definitions
from microexpr.fingerprints.definitions import (
    NAME,
    Module,
    Reference,
    first_name,
    is_registry,
    read,
)
from microexpr.fingerprints.effects import loggers, raises_only, speaks_only, without_unused
from microexpr.fingerprints.scopes import Function, Qualifier, arguments, own_nodes, parsed

# These act on a result through the stage's parameters (config), or not at all.
NEUTRAL = tuple(
    f"{NAME}.{module}"
    for module in (
        *("cli", "config", "errors", "fingerprints", "pipeline", "privacy"),
        *("runtime.ending", "runtime.files", "runtime.printing", "runtime.progress"),
        *("runtime.registry", "runtime.resources"),
        *("backbones.networks", "magnify.methods"),
        *("cache.checks", "cache.disk", "cache.provenance", "datasets.indexed", "datasets.sources"),
    )
)
STAGES = f"{NAME}.stages"  # the package itself: which part of the configuration a stage reads
# Calls that hand on their first argument.
WRAPPERS = (
    Reference(f"{NAME}.runtime.progress", "track"),
    Reference(f"{NAME}.runtime.resources", "released"),
)
COLLECTOR = Reference(f"{NAME}.errors", "Faults")
CHECKS = f"{NAME}.cache.checks"  # calls that raise or do nothing
PYDANTIC = "pydantic.BaseModel"
TOLD = {"description", "title", "examples"}  # of a pydantic field: for people


def neutral(reference: Reference) -> bool:
    """Tell whether what a definition does cannot change a result."""
    module = reference.module
    if module in (STAGES, NAME) or any(f"{module}.".startswith(f"{n}.") for n in NEUTRAL):
        return True
    return reference.name == "__getattr__"  # of a package: imports what is asked for


@cache
def meaning(reference: Reference) -> tuple[ast.stmt, ...]:
    """Return a definition's source, or a module's effects, with full names and what counts only."""
    module = read(reference.module)
    source = module.defined[reference.name] if reference.name else module.effects
    qualifier = Qualifier(reference.module)
    # Copied: the source is looked at again, such as whether a function only speaks.
    full = [found for s in source if (found := qualifier.visit(definitions.copied(s))) is not None]
    stripped = _Stripper().statements(full)
    for statement in stripped:
        if isinstance(statement, Function | ast.ClassDef):
            statement.name = "itself"
        elif isinstance(statement, ast.Assign | ast.AugAssign):
            # What a constant is called; one of several that are bound keeps its place.
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for node in (inner for target in targets for inner in ast.walk(target)):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    node.id = "itself" if node.id == reference.name else "another"
    return tuple(stripped)


class _Stripper(ast.NodeTransformer):
    """Take away what cannot change a result, from qualified source."""

    def __init__(self) -> None:
        self._collectors: list[set[str]] = []

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Strip the statements of a block; it may become empty."""
        block = ast.Module(body, [])
        super().generic_visit(block)
        return block.body

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Strip what is inside; a block that becomes empty says so."""
        super().generic_visit(node)
        if getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Leave out docstrings and messages."""
        if isinstance(node.value, ast.Constant):
            return None
        if isinstance(node.value, ast.Call):
            called = node.value.func
            if _speaks(called):
                return None
            of = called.value if isinstance(called, ast.Attribute) else None
            # Of a collector of messages it counts that something is wrong, not the text.
            if isinstance(of, ast.Name) and any(of.id in names for names in self._collectors):
                node.value = ast.Call(called, [], [])
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Keep what kind of error is raised, and not its text."""
        if isinstance(node.exc, ast.Call):
            return ast.Raise(self.visit(node.exc.func), None)
        return ast.Raise(node.exc and self.visit(node.exc), None)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return ast.Assert(self.visit(node.test), None)

    def visit_FunctionDef(self, node: Function) -> ast.AST:
        """Leave out annotations, and names that are bound for a message only."""
        node.returns = None
        self._collectors.append(_collectors(node))
        self.generic_visit(node)
        self._collectors.pop()
        node.body = without_unused(node) or [ast.Pass()]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(node.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Leave out the annotation, and the whole where it binds nothing."""
        if node.value is None:
            return None
        return self.visit(ast.Assign([node.target], node.value, lineno=0))

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Keep the fields of a class; their types where they convert values."""
        converts = _converts(node)
        for index, statement in enumerate(node.body):
            if isinstance(statement, ast.AnnAssign):  # a plain one, which no annotation changes
                kind = statement.annotation if converts else ast.Constant(None)
                pair = ast.Tuple([kind, statement.value or ast.Constant(...)], ast.Load())
                node.body[index] = ast.Assign([statement.target], pair, lineno=0)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace a wrapper by what it hands on; leave out the texts of fields."""
        reference = parsed(node.func)
        if reference is not None:
            if reference in WRAPPERS and node.args:
                return self.visit(node.args[0])
            if _is(reference, raises_only):
                return ast.Call(node.func, [], [])
        elif isinstance(node.func, ast.Name) and node.func.id == "typing.cast":
            return self.visit(node.args[1])
        elif isinstance(node.func, ast.Name) and node.func.id == "pydantic.Field":
            node.keywords = [k for k in node.keywords if k.arg not in TOLD]
        return self.generic_visit(node)

    def visit_With(self, node: ast.With) -> ast.AST | list[ast.stmt]:
        """Take the block out of a neutral context."""
        for item in list(node.items):
            called = getattr(item.context_expr, "func", None)
            if not item.optional_vars and (used := parsed(called)) and neutral(used):
                node.items.remove(item)
        return self.generic_visit(node) if node.items else self.statements(node.body)


def _collectors(function: Function) -> set[str]:
    """Return the names of a function that hold collectors of messages."""
    names = {a.arg for a in arguments(function.args) if parsed(a.annotation) == COLLECTOR}
    for node in own_nodes(function.body):
        if not isinstance(node, ast.Assign):
            continue
        values, targets = [node.value], node.targets
        if isinstance(node.value, ast.Tuple):
            values, targets = node.value.elts, getattr(node.targets[0], "elts", [])
        for target, value in zip(targets, values, strict=False):
            made = isinstance(value, ast.Call) and parsed(value.func) == COLLECTOR
            if made and isinstance(target, ast.Name):
                names.add(target.id)
    return names


def _converts(node: ast.ClassDef) -> bool:
    """Tell whether a class is a pydantic model, whose annotations convert values."""
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id == PYDANTIC:
            return True
        reference = parsed(base)
        if reference is not None and reference.name:
            for statement in read(reference.module).defined[reference.name]:
                full = Qualifier(reference.module).visit(definitions.copied(statement))
                if isinstance(full, ast.ClassDef) and _converts(full):
                    return True
    return False


def _speaks(called: ast.expr) -> bool:
    """Tell whether a call does nothing but say something, or adds a row to a registry."""
    method = called.attr if isinstance(called, ast.Attribute) else ""
    name = first_name(called)
    reference = parsed(name)
    if reference is None:
        return name in ("print", "warnings.warn") or name.startswith("logging.")
    if reference.module == CHECKS or (method == "add" and is_registry(reference)):
        return True
    if not reference.name or neutral(reference):
        return False
    return reference.name in loggers(read(reference.module)) or _is(reference, speaks_only)


def _is(reference: Reference, test: Callable[[Any, Module], bool]) -> bool:
    """Test the source of a definition that is one function."""
    if neutral(reference) or not reference.name:
        return False
    module = read(reference.module)
    function, *more = module.defined.get(reference.name, [None])
    plain = isinstance(function, ast.FunctionDef) and not more and not function.decorator_list
    return plain and test(function, module)
