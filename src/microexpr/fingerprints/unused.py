"""Statements of a function whose effect nobody sees once messages are taken away."""

from __future__ import annotations

import ast
from collections import Counter

from microexpr.fingerprints.definitions import NAME

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


def without_unused(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Return a function's statements without those that have no effect.

    Names that are bound and never read go, where the value has no effect of its own; so do
    conditions and loops whose blocks are empty.
    """
    body = function.body
    while True:
        used = _read_names(function)
        fewer = _block(body, used)
        if sum(1 for s in fewer for _ in ast.walk(s)) == sum(1 for s in body for _ in ast.walk(s)):
            return fewer
        function.body = body = fewer


def _read_names(function: ast.AST) -> Counter[str]:
    nodes = list(ast.walk(function))
    outer = [node for node in nodes if isinstance(node, ast.Global | ast.Nonlocal)]
    kept = {name for node in outer for name in node.names}
    read = Counter(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    return read + Counter(kept)


def _block(body: list[ast.stmt], used: Counter[str]) -> list[ast.stmt]:
    kept = []
    for statement in body:
        if isinstance(statement, ast.Pass):
            continue
        _shorten(statement, used)
        if not _without_effect(statement, used):
            kept.append(statement)
    return kept


def _shorten(statement: ast.stmt, used: Counter[str]) -> None:
    """Shorten the blocks inside a statement; those of functions were done before."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list):
            block[:] = _block(block, used)
            if name == "body" and not block:
                block.append(ast.Pass())
    for handler in getattr(statement, "handlers", []):
        handler.body[:] = _block(handler.body, used) or [ast.Pass()]


def _without_effect(statement: ast.stmt, used: Counter[str]) -> bool:
    if isinstance(statement, ast.Assign):
        return _unread(statement.targets, used) and pure(statement.value)
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return not used[statement.target.id] and pure(statement.value)
    if isinstance(statement, ast.If):
        return _empty(statement.body) and _empty(statement.orelse) and pure(statement.test)
    if isinstance(statement, ast.For):
        empty = _empty(statement.body) and _empty(statement.orelse)
        return empty and _unread([statement.target], used) and pure(statement.iter)
    return False


def _empty(block: list[ast.stmt]) -> bool:
    return all(isinstance(statement, ast.Pass) for statement in block)


def _unread(targets: list[ast.expr], used: Counter[str]) -> bool:
    """Tell whether targets are plain names that nobody reads."""
    for target in targets:
        elements = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        for element in elements:
            inner = element.value if isinstance(element, ast.Starred) else element
            if not isinstance(inner, ast.Name) or used[inner.id]:
                return False
    return True


def pure(node: ast.AST) -> bool:
    """Tell whether an expression can be seen to have no effect."""
    for inner in ast.walk(node):
        if isinstance(inner, IMPURE):
            return False
        if isinstance(inner, ast.Call) and not _pure_call(inner.func):
            return False
    return True


def _pure_call(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in PURE_FUNCTIONS or called.id.startswith(MESSAGES)
    return isinstance(called, ast.Attribute) and called.attr in PURE_METHODS
