"""Functions that only say something, or only raise: told by their source."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from microexpr.fingerprints.definitions import Module
from microexpr.fingerprints.unused import pure


def loggers(module: Module) -> set[str]:
    """Return the names of a module's loggers."""
    return {
        name
        for name, statements in module.defined.items()
        if all(
            isinstance(s, ast.Assign)
            and isinstance(s.value, ast.Call)
            and ast.unparse(s.value.func) == "logging.getLogger"
            for s in statements
        )
    }


def raises_only(statement: ast.stmt, module: Module) -> bool:
    """Tell whether a function does nothing but raise: what it is given is for the message."""
    del module
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list:
        return False
    *before, last = statement.body
    return isinstance(last, ast.Raise) and all(_prepares(inner) for inner in before)


def speaks_only(statement: ast.stmt, module: Module) -> bool:
    """Tell whether a function does nothing but write to the log or to the screen."""
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list:
        return False
    return _speaks(statement.body, {*loggers(module), "logging", "print", "warnings"})


def _speaks(block: Sequence[ast.stmt], names: set[str]) -> bool:
    return all(
        _prepares(statement)
        or (isinstance(statement, ast.Expr) and _is_call_of(statement.value, names))
        or (
            isinstance(statement, ast.If)
            and pure(statement.test)
            and _speaks([*statement.body, *statement.orelse], names)
        )
        or (
            isinstance(statement, ast.For)
            and pure(statement.iter)
            and _speaks([*statement.body, *statement.orelse], names)
        )
        for statement in block
    )


def _prepares(statement: ast.stmt) -> bool:
    """Tell whether a statement has no effect outside its function: a docstring, a local name."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if not isinstance(statement, ast.Assign) or not pure(statement.value):
        return False
    targets = [
        element
        for target in statement.targets
        for element in (target.elts if isinstance(target, ast.Tuple) else [target])
    ]
    return all(isinstance(target, ast.Name) for target in targets)


def _is_call_of(node: ast.expr, names: set[str]) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    while isinstance(called, ast.Attribute):
        called = called.value
    return isinstance(called, ast.Name) and called.id in names
