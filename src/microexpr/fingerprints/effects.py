"""Statements without an effect: what only says something, and names that are never read."""

import ast
from collections import Counter
from collections.abc import Sequence
from typing import Any

from microexpr.fingerprints.definitions import NAME, Module, elements, first_name

# Without effects of their own.
PURE_FUNCTIONS = {
    *("abs", "all", "any", "bool", "dict", "enumerate", "float", "frozenset", "getattr", "hasattr"),
    *("int", "isinstance", "len", "list", "max", "min", "range", "repr", "reversed", "round"),
    *("set", "sorted", "str", "sum", "tuple", "type", "zip"),
    *("Counter", "collections.Counter", "pathlib.Path", "os.strerror", "os.fspath"),
}
PURE_METHODS = {
    *("all", "any", "as_posix", "casefold", "count", "endswith", "format", "get", "group"),
    *("isdecimal", "isdigit", "item", "items", "join", "keys", "lower", "max", "mean", "min"),
    *("partition", "replace", "rpartition", "split", "splitlines", "startswith", "strip", "sum"),
    *("title", "tolist", "total", "upper", "values", "with_name", "with_suffix"),
}
MESSAGES = f"{NAME}.errors"  # functions that shorten texts for messages
IMPURE = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


def loggers(module: Module) -> set[str]:
    """Return the names of a module's loggers."""

    def makes_logger(s: ast.stmt) -> bool:
        made = s.value if isinstance(s, ast.Assign) else None
        return isinstance(made, ast.Call) and ast.unparse(made.func) == "logging.getLogger"

    return {name for name, made in module.defined.items() if all(map(makes_logger, made))}


def raises_only(function: ast.FunctionDef, _: Module) -> bool:
    """Tell whether a function does nothing but raise: its arguments are for the message."""
    *before, last = function.body
    return isinstance(last, ast.Raise) and all(map(_prepares, before))


def speaks_only(function: ast.FunctionDef, module: Module) -> bool:
    """Tell whether a function does nothing but write to the log or to the screen."""
    return _speaks(function.body, {*loggers(module), "logging", "print", "warnings"})


def _speaks(block: Sequence[ast.stmt], names: set[str]) -> bool:
    """Tell whether all statements prepare or make calls of some names, perhaps under conditions."""
    for statement in block:
        if isinstance(statement, ast.If | ast.For):
            head = statement.test if isinstance(statement, ast.If) else statement.iter
            if not (pure(head) and _speaks([*statement.body, *statement.orelse], names)):
                return False
        elif not _prepares(statement):
            called = statement.value if isinstance(statement, ast.Expr) else None
            if not isinstance(called, ast.Call) or first_name(called.func) not in names:
                return False
    return True


def _prepares(statement: ast.stmt) -> bool:
    """Tell whether a statement has no effect outside its function: a docstring, a local name."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if not isinstance(statement, ast.Assign) or not pure(statement.value):
        return False
    return all(isinstance(target, ast.Name) for target in elements(statement.targets))


def without_unused(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Return a function's statements without names never read, and blocks and loops left empty."""
    size = 0
    while size != (size := sum(1 for _ in ast.walk(function))):
        nodes = list(ast.walk(function))
        # Names of an outer scope count once more.
        outer = (node.names for node in nodes if isinstance(node, ast.Global | ast.Nonlocal))
        read = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
        used = Counter([*read, *{name for names in outer for name in names}])
        function.body = _Shortener(used).visit(ast.Module(function.body, [])).body
    return function.body


class _Shortener(ast.NodeTransformer):
    """Take away statements without effect; what is inside functions and classes was done before."""

    def __init__(self, used: Counter[str]) -> None:
        self._used = used

    def visit(self, node: ast.AST) -> Any:
        """Shorten the blocks of a statement; one that becomes empty says so."""
        if isinstance(node, ast.expr | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return node
        super().generic_visit(node)
        if getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return None if isinstance(node, ast.Pass) or _without_effect(node, self._used) else node


def _without_effect(statement: ast.AST, used: Counter[str]) -> bool:
    if isinstance(statement, ast.Assign):
        return _unread(statement.targets, used) and pure(statement.value)
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return not used[statement.target.id] and pure(statement.value)
    if not isinstance(statement, ast.If | ast.For):
        return False
    if not all(isinstance(inner, ast.Pass) for inner in (*statement.body, *statement.orelse)):
        return False
    if isinstance(statement, ast.If):
        return pure(statement.test)
    return _unread([statement.target], used) and pure(statement.iter)


def _unread(targets: list[ast.expr], used: Counter[str]) -> bool:
    """Tell whether targets are plain names that are never read."""
    plain = [t.value if isinstance(t, ast.Starred) else t for t in elements(targets)]
    return all(isinstance(target, ast.Name) and not used[target.id] for target in plain)


def pure(node: ast.AST) -> bool:
    """Tell whether an expression can be seen to have no effect."""
    nodes = list(ast.walk(node))
    calls = [inner.func for inner in nodes if isinstance(inner, ast.Call)]
    return all(map(_is_pure, calls)) and not any(isinstance(inner, IMPURE) for inner in nodes)


def _is_pure(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in PURE_FUNCTIONS or called.id.startswith(MESSAGES)
    return isinstance(called, ast.Attribute) and called.attr in PURE_METHODS
