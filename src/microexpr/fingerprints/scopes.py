"""Full names in place of the names that a piece of source uses."""
# ruff: noqa: N815 (methods of visitors)

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from microexpr.fingerprints import definitions
from microexpr.fingerprints.definitions import Reference, first_name, is_registry, locate, lookup

SEPARATOR = "→"  # microexpr.magnify.phase→pmm: one of our definitions; in no other text
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
NAMED = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar),
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = dict[str, str | None]  # what a local name imports; None: it is a value


def parsed(node: ast.expr | str | None) -> Reference | None:
    """Return the definition that a name of qualified source stands for; None for anything else."""
    name = node.id if isinstance(node, ast.Name) else node
    if not isinstance(name, str) or SEPARATOR not in name:
        return None
    module, _, inner = name.partition(SEPARATOR)
    return Reference(module, inner)


class Qualifier(ast.NodeTransformer):
    """Replace names by full names in the source of a module; local names stay.

    Ours become ``module→name``, another library's its full name: aliases and places do not count.
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
        """Resolve ``module.name``, and what is used of a registry; other attributes stay."""
        value = self.visit(node.value)
        if isinstance(value, ast.Name) and isinstance(node.ctx, ast.Load):
            found = parsed(value)
            if found is not None and not found.name:
                if full := _text(lookup(found.module, node.attr)):
                    return ast.Name(full, ast.Load())
            elif found is not None and node.attr == "load" and is_registry(found):
                return ast.Name(f"{value.id}.load", ast.Load())
            elif found is None and self._is_library(node.value):
                return ast.Name(f"{value.id}.{node.attr}", ast.Load())
        if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
            table = parsed(value.value)
            if table is not None and is_registry(table):
                value.value.id += f".{node.attr}"
        return ast.Attribute(value, node.attr, node.ctx)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Leave out: names are full names now."""

    visit_ImportFrom = visit_Import

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Enter a function without a name."""
        self.visit(node.args)
        names: Scope = dict.fromkeys(a.arg for a in arguments(node.args))
        return ast.Lambda(node.args, self._inside(names, [node.body])[0])

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Enter a class: its names are known in its body, and not in its methods."""
        for name in ("bases", "keywords", "decorator_list"):
            setattr(node, name, [self.visit(item) for item in getattr(node, name)])
        names = _bound_in(node.body, self._module)
        body: list[Any] = []
        for statement in node.body:
            if isinstance(statement, Function):
                body.append(self.visit_FunctionDef(statement, outer=names))
            else:
                body += self._inside(names, [statement])
        node.body = body
        return node

    def visit_ListComp(self, node: Any) -> ast.AST:
        """Enter a comprehension."""
        # Names that are bound or deleted in it.
        bound = (n for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name))
        self._scopes.append({n.id: None for n in bound if not isinstance(n.ctx, ast.Load)})
        self.generic_visit(node)
        self._scopes.pop()
        return node

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def visit_FunctionDef(self, node: Function, outer: Scope | None = None) -> ast.AST:
        """Enter a function; decorators, defaults and annotations belong to the scope around it."""
        before = [*node.decorator_list, node.args]
        *node.decorator_list, node.args = self._inside(outer or {}, before)
        names = _bound_in(node.body, self._module) | dict.fromkeys(
            a.arg for a in arguments(node.args)
        )
        declared = (n.names for n in own_nodes(node.body) if isinstance(n, ast.Global))
        for name in (name for several in declared for name in several):
            names.pop(name, None)
        node.body = self._inside(names, node.body)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def _inside(self, names: Scope, body: Sequence[ast.AST]) -> list[Any]:
        self._scopes.append(names)
        seen = [self.visit(statement) for statement in body]
        self._scopes.pop()
        return [statement for statement in seen if statement is not None]

    def _meaning(self, name: str) -> str | None:
        """Return the full name of what a name stands for; None for a value."""
        for scope in reversed(self._scopes):
            if name in scope:
                target = scope[name]
                return None if target is None else _text(locate(target))
        found = lookup(self._module, name)
        if found is None and name == "__name__":
            return "module's own name"
        if found is None and not hasattr(builtins, name):
            return None  # bound where this does not look, such as by exec
        return _text(found)

    def _is_library(self, node: ast.expr) -> bool:
        """Tell whether an expression is a name, or a chain of them, of another library."""
        full = self._meaning(name) if (name := first_name(node)) else None
        return full is not None and parsed(full) is None


def _text(found: Reference | str | None) -> str | None:
    """Return the name under which what was found stands in qualified source."""
    return f"{found.module}{SEPARATOR}{found.name}" if isinstance(found, Reference) else found


def arguments(of: ast.arguments) -> list[ast.arg]:
    """Return all arguments of a function."""
    more = [argument for argument in (of.vararg, of.kwarg) if argument]
    return [*of.posonlyargs, *of.args, *of.kwonlyargs, *more]


def own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Go through a function's nodes without those of functions and classes inside it."""
    todo = list(body)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, COMPREHENSIONS):  # a walrus in it binds outside of it
            todo += [n.target for n in ast.walk(node) if isinstance(n, ast.NamedExpr)]
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            todo += list(ast.iter_child_nodes(node))


def _bound_in(body: Iterable[ast.AST], module: str) -> Scope:
    """Return the names that a function's or class's body binds, with the meaning of imports."""
    names: Scope = {}
    for node in own_nodes(body):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names[node.id] = None
        elif isinstance(node, NAMED) and node.name:
            names[node.name] = None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= definitions.imports(node, module)
    return names
