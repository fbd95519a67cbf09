"""Source without what cannot change a result: messages, logs, docstrings, type hints, progress.

Two pieces of source with the same meaning here give the same result. The converse does not hold:
where it cannot be seen that a change is harmless, the meaning differs, and a stage runs again.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache

from microexpr.fingerprints.definitions import NAME, Module, Reference, copied, read
from microexpr.fingerprints.messages import loggers, raises_only, speaks_only
from microexpr.fingerprints.scopes import Qualifier, own_nodes, parsed
from microexpr.fingerprints.unused import without_unused

# What these do reaches a result through the stage's parameters (config), or not at all.
NEUTRAL = tuple(
    f"{NAME}.{module}"
    for module in (
        *("cli", "config", "errors", "fingerprints", "pipeline", "privacy"),
        *("runtime.files", "runtime.progress", "runtime.resources", "runtime.screen"),
        *("backbones.networks", "cache.checks", "cache.disk", "cache.provenance"),
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
    return module in (STAGES, NAME) or any(f"{module}.".startswith(f"{n}.") for n in NEUTRAL)


@cache
def meaning(reference: Reference) -> tuple[ast.stmt, ...]:
    """Return the source of a definition with full names and without what cannot change a result.

    Parameters
    ----------
    reference : Reference
        A definition; for a module, its effects when it is imported.
    """
    module = read(reference.module)
    source = module.defined[reference.name] if reference.name else module.effects
    qualifier = Qualifier(reference.module)
    body: list[ast.stmt] = []
    for statement in source:
        # Copied: others look at the source as well, such as whether a function only speaks.
        full = qualifier.visit(copied(statement))
        if full is not None:
            body.append(full)
    stripped = _Stripper().statements(body)
    for statement in stripped:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            statement.name = "itself"
        elif isinstance(statement, ast.Assign | ast.AugAssign):
            _forget_names(statement, reference.name)
    return tuple(stripped)


def _forget_names(statement: ast.Assign | ast.AugAssign, own: str) -> None:
    """Take away what a constant is called; one of several that are bound keeps its place."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for node in (inner for target in targets for inner in ast.walk(target)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            node.id = "itself" if node.id == own else "another"


class _Stripper(ast.NodeTransformer):
    """Take away what cannot change a result, from qualified source."""

    def __init__(self) -> None:
        self._collectors: list[set[str]] = []

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Strip the statements of a block; it may become empty."""
        kept: list[ast.stmt] = []
        for statement in body:
            found = self.visit(statement)
            kept += found if isinstance(found, list) else [found] if found is not None else []
        return kept

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Strip blocks, so that none of them is empty, then the rest."""
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                block[:] = self.statements(block)
                if name == "body" and not block and not isinstance(node, ast.Module):
                    block.append(ast.Pass())
        for name, value in ast.iter_fields(node):
            if name in ("body", "orelse", "finalbody") and isinstance(value, list):
                continue
            if isinstance(value, list):
                value[:] = [self.visit(v) if isinstance(v, ast.AST) else v for v in value]
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Leave out docstrings, and calls that only say something."""
        if isinstance(node.value, ast.Constant):
            return None
        if isinstance(node.value, ast.Call):
            called = node.value.func
            if _speaks(called):
                return None
            if isinstance(called, ast.Attribute) and self._collects(called.value):
                node.value = ast.Call(called, [], [])
        return self.generic_visit(node)

    def _collects(self, node: ast.expr) -> bool:
        """Tell whether a value collects messages: that something is wrong counts, not its text."""
        return isinstance(node, ast.Name) and any(node.id in names for names in self._collectors)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Keep what kind of error is raised, and not its text."""
        if isinstance(node.exc, ast.Call):
            return ast.Raise(self.visit(node.exc.func), None)
        return ast.Raise(node.exc and self.visit(node.exc), None)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Keep what is asserted."""
        return ast.Assert(self.visit(node.test), None)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave out annotations, and names that are bound for a message only."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Leave out annotations, and names that are bound for a message only."""
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        collectors = _collectors(node)
        self._collectors.append(collectors)
        self.generic_visit(node)
        self._collectors.pop()
        node.body = without_unused(node) or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Leave out the annotation."""
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
            if isinstance(statement, ast.AnnAssign):
                node.body[index] = _field(statement, with_type=converts)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace a wrapper by what it hands on; leave out what fields say to people."""
        if isinstance(node.func, ast.Name):
            reference = parsed(node.func.id)
            if reference in WRAPPERS and node.args:
                return self.visit(node.args[0])
            if reference is not None and _is(reference, raises_only):
                return ast.Call(node.func, [], [])
            if node.func.id == "typing.cast":
                return self.visit(node.args[1])
            if node.func.id == "pydantic.Field":
                node.keywords = [k for k in node.keywords if k.arg not in TOLD]
        return self.generic_visit(node)

    def visit_With(self, node: ast.With) -> ast.AST | list[ast.stmt]:
        """Take the block out of a neutral context."""
        node.items = [
            item
            for item in node.items
            if item.optional_vars or not _neutral_call(item.context_expr)
        ]
        return self.generic_visit(node) if node.items else self.statements(node.body)


def _collectors(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the names of a function that hold collectors of messages."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    names = {a.arg for a in every if a.annotation is not None and _is_collector(a.annotation)}
    for node in own_nodes(function.body):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            values = [node.value]
            targets = node.targets
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            values = list(node.value.elts)
            targets = getattr(node.targets[0], "elts", [])
        else:
            continue
        for target, value in zip(targets, values, strict=False):
            called = value.func if isinstance(value, ast.Call) else None
            if isinstance(target, ast.Name) and called is not None and _is_collector(called):
                names.add(target.id)
    return names


def _is_collector(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and parsed(node.id) == COLLECTOR


def _field(statement: ast.AnnAssign, *, with_type: bool) -> ast.stmt:
    """Turn an annotated field into a plain one, which an annotation cannot change."""
    kind = statement.annotation if with_type else ast.Constant(None)
    value = statement.value or ast.Constant(...)
    return ast.Assign([statement.target], ast.Tuple([kind, value], ast.Load()), lineno=0)


def _converts(node: ast.ClassDef) -> bool:
    """Tell whether a class is a pydantic model, whose annotations convert values."""
    for base in node.bases:
        name = base.id if isinstance(base, ast.Name) else ""
        reference = parsed(name)
        if name == PYDANTIC:
            return True
        if reference is not None and reference.name:
            for statement in read(reference.module).defined[reference.name]:
                if isinstance(statement, ast.ClassDef):
                    full = Qualifier(reference.module).visit(copied(statement))
                    if _converts(full):
                        return True
    return False


def _speaks(called: ast.expr) -> bool:
    """Tell whether a call does nothing but say something."""
    while isinstance(called, ast.Attribute):
        called = called.value
    if not isinstance(called, ast.Name):
        return False
    reference = parsed(called.id)
    if reference is None:
        return called.id in ("print", "warnings.warn") or called.id.startswith("logging.")
    if reference.module == CHECKS:
        return True
    if not reference.name or neutral(reference):
        return False
    return reference.name in loggers(read(reference.module)) or _is(reference, speaks_only)


def _is(reference: Reference, test: Callable[[ast.stmt, Module], bool]) -> bool:
    """Test the source of a definition that is one function."""
    if neutral(reference) or not reference.name:
        return False
    module = read(reference.module)
    defined = module.defined.get(reference.name, [])
    return len(defined) == 1 and test(defined[0], module)


def _neutral_call(node: ast.expr) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    reference = parsed(node.func.id)
    return reference is not None and neutral(reference)
