"""Full names in place of the names that a piece of source uses."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence

from microexpr.fingerprints.definitions import (
    Reference,
    imports,
    is_registry,
    loaded,
    locate,
    lookup,
)

SEPARATOR = "→"  # microexpr.magnify.phase→pmm: a definition of this package; in no other text
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
NAMED = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar),
)
Scope = dict[str, str | None]  # what a local name imports; None: it is a value


def spelt(reference: Reference) -> str:
    """Return the name under which a definition stands in qualified source."""
    return f"{reference.module}{SEPARATOR}{reference.name}"


def parsed(name: str) -> Reference | None:
    """Return the definition that a name of qualified source stands for; None for other names."""
    module, separator, inner = name.partition(SEPARATOR)
    return Reference(module, inner) if separator else None


class Qualifier(ast.NodeTransformer):
    """Replace names by full names; local names stay.

    A name of this package becomes ``module→name``, one of another library its full name, so that
    neither an alias nor the place of a definition is part of the source's meaning.

    Parameters
    ----------
    module : str
        Where the source stands.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._scopes: list[Scope] = []

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Resolve a name."""
        if isinstance(node.ctx, ast.Load) and (full := self._meaning(node.id)):
            return ast.Name(full, ast.Load())
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Resolve ``module.name``; the attribute of a value stays."""
        value = self.visit(node.value)
        if isinstance(value, ast.Name) and isinstance(node.ctx, ast.Load):
            inner = parsed(value.id)
            if inner is not None and not inner.name:
                found = lookup(inner.module, node.attr)
                if found is not None:
                    return ast.Name(_text(found), ast.Load())
            elif inner is not None and node.attr == "load" and is_registry(inner):
                return ast.Name(spelt(loaded(inner)), ast.Load())
            elif inner is None and self._is_library(node.value):
                return ast.Name(f"{value.id}.{node.attr}", ast.Load())
        if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
            inner = parsed(value.value.id)
            if inner is not None and is_registry(inner):
                value.value.id = f"{value.value.id}.{node.attr}"
        return ast.Attribute(value, node.attr, node.ctx)

    def visit_Import(self, node: ast.Import) -> None:
        """Leave out: names are full names now."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Leave out: names are full names now."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Enter a function."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Enter a function."""
        return self._function(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Enter a function without a name."""
        self.visit(node.args)
        with_arguments: Scope = dict.fromkeys(_arguments(node.args))
        return ast.Lambda(node.args, self._inside(with_arguments, [node.body])[0])

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Enter a class: its names are known in its body, and not in its methods."""
        node.bases = [self.visit(base) for base in node.bases]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        node.decorator_list = [self.visit(item) for item in node.decorator_list]
        names = _bound_in(node.body, self._module)
        body: list[ast.stmt] = []
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                body.append(self._function(statement, outer=names))
            else:
                body += self._inside(names, [statement])
        node.body = body
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        """Enter a comprehension."""
        return self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        """Enter a comprehension."""
        return self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        """Enter a comprehension."""
        return self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        """Enter a comprehension."""
        return self._comprehension(node)

    def _comprehension(self, node: ast.AST) -> ast.AST:
        targets = [g.target for g in node.generators]  # type: ignore[attr-defined]
        self._scopes.append(dict.fromkeys(_stored(targets)))
        try:
            return self.generic_visit(node)
        finally:
            self._scopes.pop()

    def _function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, outer: Scope | None = None
    ) -> ast.stmt:
        # Decorators, defaults and annotations belong to the scope around the function.
        around = outer or {}
        self._scopes.append(around)
        node.decorator_list = [self.visit(item) for item in node.decorator_list]
        self.visit(node.args)
        if node.returns is not None:
            node.returns = self.visit(node.returns)
        self._scopes.pop()
        names = _bound_in(node.body, self._module) | dict.fromkeys(_arguments(node.args))
        for name in _declared_global(node.body):
            names.pop(name, None)
        node.body = self._inside(names, node.body)
        return node

    def _inside(self, names: Scope, body: Sequence[ast.AST]) -> list:
        self._scopes.append(names)
        try:
            seen = (self.visit(statement) for statement in body)
            return [statement for statement in seen if statement is not None]
        finally:
            self._scopes.pop()

    def _meaning(self, name: str) -> str | None:
        for scope in reversed(self._scopes):
            if name in scope:
                target = scope[name]
                return None if target is None else _text(locate(target))
        found = lookup(self._module, name)
        if found is None and name == "__name__":
            return "module's own name"
        if found is None and not hasattr(builtins, name):
            return None  # bound where this reading does not look, such as by exec
        return None if found is None else _text(found)

    def _is_library(self, node: ast.expr) -> bool:
        """Tell whether an expression is a name, or a chain of them, of another library."""
        while isinstance(node, ast.Attribute):
            node = node.value
        if not isinstance(node, ast.Name):
            return False
        meaning = self._meaning(node.id)
        return meaning is not None and parsed(meaning) is None


def _text(found: Reference | str | None) -> str | None:
    return spelt(found) if isinstance(found, Reference) else found


def _arguments(arguments: ast.arguments) -> list[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    more = [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    return [argument.arg for argument in (*every, *more)]


def _stored(nodes: Iterable[ast.AST]) -> list[str]:
    return [
        inner.id
        for node in nodes
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)
    ]


def own_nodes(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """Go through a function's nodes without those of functions and classes inside it."""
    todo = list(body)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, *COMPREHENSIONS)):
            # A walrus in a comprehension binds outside of it.
            if isinstance(node, COMPREHENSIONS):
                todo += [n.target for n in ast.walk(node) if isinstance(n, ast.NamedExpr)]
            continue
        todo += list(ast.iter_child_nodes(node))


def _bound_in(body: Iterable[ast.AST], module: str) -> Scope:
    """Names that a function's or class's body binds, with what the imports among them mean."""
    names: Scope = {}
    for node in own_nodes(body):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names[node.id] = None
        elif isinstance(node, NAMED) and node.name:
            names[node.name] = None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= imports(node, module)
    return names


def _declared_global(body: Iterable[ast.AST]) -> list[str]:
    return [name for node in own_nodes(body) if isinstance(node, ast.Global) for name in node.names]
