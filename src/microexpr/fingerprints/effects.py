"""Statements without an effect: what only says something, and names that are never read."""

import ast
from collections import Counter
from collections.abc import Sequence

from microexpr.fingerprints.definitions import NAME, Module, first_name

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


def raises_only(statement: ast.stmt, _: Module) -> bool:
    """Tell whether a function does nothing but raise: its arguments are for the message."""
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list:
        return False
    *before, last = statement.body
    return isinstance(last, ast.Raise) and all(map(_prepares, before))


def speaks_only(statement: ast.stmt, module: Module) -> bool:
    """Tell whether a function does nothing but write to the log or to the screen."""
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list:
        return False
    return _speaks(statement.body, {*loggers(module), "logging", "print", "warnings"})


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
    targets = [t.elts if isinstance(t, ast.Tuple) else [t] for t in statement.targets]
    return all(isinstance(target, ast.Name) for several in targets for target in several)


def without_unused(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Return a function's statements without names never read, and blocks and loops left empty."""
    while True:
        fewer = _block(function.body, _read_names(function))
        if _size(fewer) == _size(function.body):
            return fewer
        function.body = fewer


def _size(block: list[ast.stmt]) -> int:
    return sum(1 for statement in block for _ in ast.walk(statement))


def _read_names(function: ast.AST) -> Counter[str]:
    """Count how often names are read; names of an outer scope count once more."""
    nodes = list(ast.walk(function))
    outer = (node.names for node in nodes if isinstance(node, ast.Global | ast.Nonlocal))
    read = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    return Counter([*read, *{name for names in outer for name in names}])


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
    if not isinstance(statement, ast.If | ast.For):
        return False
    if not all(isinstance(inner, ast.Pass) for inner in (*statement.body, *statement.orelse)):
        return False
    if isinstance(statement, ast.If):
        return pure(statement.test)
    return _unread([statement.target], used) and pure(statement.iter)


def _unread(targets: list[ast.expr], used: Counter[str]) -> bool:
    """Tell whether targets are plain names that are never read."""
    for target in targets:
        for element in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
            inner = element.value if isinstance(element, ast.Starred) else element
            if not isinstance(inner, ast.Name) or used[inner.id]:
                return False
    return True


def pure(node: ast.AST) -> bool:
    """Tell whether an expression can be seen to have no effect."""
    nodes = list(ast.walk(node))
    calls = [inner.func for inner in nodes if isinstance(inner, ast.Call)]
    return all(map(_is_pure, calls)) and not any(isinstance(inner, IMPURE) for inner in nodes)


def _is_pure(called: ast.expr) -> bool:
    if isinstance(called, ast.Name):
        return called.id in PURE_FUNCTIONS or called.id.startswith(MESSAGES)
    return isinstance(called, ast.Attribute) and called.attr in PURE_METHODS
