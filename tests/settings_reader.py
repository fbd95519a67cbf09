"""Which keys a stage reads, from its source: its settings are followed through all functions."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from pydantic import BaseModel

from microexpr.config.base import Only

UNKNOWN = object()


@dataclass(frozen=True)
class Part:
    """Settings, or a section of them."""

    path: str
    kind: type[BaseModel]

    def at(self, name: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{name}".removeprefix(".")

    def keys(self) -> dict[str, Part | None]:
        """Return the keys by name; of a key that is a section, with its part."""
        found: dict[str, Part | None] = {}
        for name, about in self.kind.model_fields.items():
            marks = [mark for mark in about.metadata if isinstance(mark, Only)]
            kinds = _models(about.annotation)
            kinds = [marks[0].part_of(kind) if marks else kind for kind in kinds]
            found[name] = Part(self.at(name), kinds[0]) if kinds else None
        return found

    def every_key(self) -> set[str]:
        """Return the paths of all keys, those of sections within included."""
        return {
            path
            for name, inner in self.keys().items()
            for path in (inner.every_key() if inner else {self.at(name)})
        }


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models in a type, such as that of ``Crop | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for inner in typing.get_args(annotation) for kind in _models(inner)]


@dataclass
class Instance:
    """An object of a class of the package, whose attributes may be settings."""

    kind: type
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, Any]:
        return {k: v for k, v in self.attributes.items() if _is_followed(v)}

    def __repr__(self) -> str:
        return f"{self.kind.__name__}({sorted(self.parts.items(), key=str)})"


def _is_followed(value: Any) -> bool:
    return isinstance(value, Part) or (isinstance(value, Instance) and bool(value.parts))


@dataclass
class Reader:
    """Follows settings through functions.

    Parameters
    ----------
    read : set of str
        Keys that are read.
    undeclared : set of str
        Keys that are read and do not exist there.
    lost : set of Part
        What goes where this cannot follow, such as into a list or to a function by another name.
    """

    read: set[str] = field(default_factory=set)
    undeclared: set[str] = field(default_factory=set)
    lost: set[Part] = field(default_factory=set)
    _returned: dict[str, Any] = field(default_factory=dict)

    def follow(self, function: Callable[..., Any], given: dict[str, Any]) -> Any:
        """Read a function of which some arguments are known, and return what it returns."""
        known = sorted((k, repr(v)) for k, v in given.items() if _is_followed(v))
        call = f"{function.__module__}.{function.__qualname__} {known}"
        if call not in self._returned:
            self._returned[call] = UNKNOWN
            tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
            assert isinstance(tree, ast.FunctionDef)
            body = _Body(self, dict(function.__globals__), dict(given))
            for statement in tree.body:
                body.statement(statement)
            self._returned[call] = body.returned
        return self._returned[call]

    def attribute(self, owner: Any, name: str) -> Any:
        """Return the value of an attribute, or a method as a function with its first argument."""
        if not isinstance(owner, Part | Instance):
            return UNKNOWN if owner is UNKNOWN else getattr(owner, name, UNKNOWN)
        known = owner.keys() if isinstance(owner, Part) else owner.attributes
        if name in known:
            if known[name] is None and isinstance(owner, Part):
                self.read.add(owner.at(name))
            return known[name] or UNKNOWN
        match inspect.getattr_static(owner.kind, name, None):
            case property(fget=function):
                return self.follow(function, {"self": owner})
            case classmethod(__func__=function):
                return (function, owner.kind)
            case FunctionType() as function:
                return (function, owner)
        if isinstance(owner, Part):
            self.undeclared.add(owner.at(name))
        return UNKNOWN

    def lose(self, *values: Any) -> None:
        """Note what cannot be followed any further."""
        for value in values:
            if isinstance(value, Part):
                self.lost.add(value)
            elif isinstance(value, Instance):
                self.lose(*value.parts.values())


# Methods of all settings. For the record of a result they are noted, which reads no key.
OF_MODELS: dict[str, Callable[[Reader, Part], Any]] = {
    "plain": lambda reader, part: UNKNOWN,
    "text": lambda reader, part: UNKNOWN,
    "model_copy": lambda reader, part: part,
}


class _Body:
    """The statements of one function, in their order."""

    def __init__(self, reader: Reader, scope: dict[str, Any], names: dict[str, Any]) -> None:
        self.reader, self.scope, self.names = reader, scope, names
        self.returned: Any = UNKNOWN
        self.unreachable = False

    def statement(self, node: ast.AST) -> None:
        if self.unreachable:
            return
        match node:
            case ast.Assert(test=test):
                self.unreachable = self.decided(test) is False
            case ast.Import() | ast.ImportFrom():
                exec(compile(ast.Module([node], []), "<import>", "exec"), self.scope)
            case ast.Return(value=ast.expr() as value):
                self.returned = self.value(value)
            case ast.Assign(targets=[target], value=value):
                self.assign(target, value)
            case ast.If(test=test, body=body, orelse=orelse):
                known = self.decided(test)
                for branch, taken in ((body, known is not False), (orelse, known is not True)):
                    for inner in branch if taken else ():
                        self.statement(inner)
                    self.unreachable = False
            case ast.expr():
                self.reader.lose(self.value(node))
            case _:
                for inner in ast.iter_child_nodes(node):
                    self.statement(inner)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        match target, value:
            case ast.Tuple(elts=targets), ast.Tuple(elts=values):
                for one, its in zip(targets, values, strict=True):
                    self.assign(one, its)
                return
        found = self.value(value)
        match target:
            case ast.Name(id=name):
                self.names[name] = found
            case ast.Attribute(value=owner, attr=name):
                holder = self.value(owner)
                if isinstance(holder, Instance):
                    holder.attributes[name] = found
                else:
                    self.reader.lose(found)
            case _:
                self.reader.lose(found)

    def decided(self, test: ast.expr) -> bool | None:
        """Tell whether a test of the settings' class holds; None: another test."""
        match test:
            case ast.Call(func=ast.Name(id="isinstance"), args=[tested, kind]):
                part, wanted = self.value(tested), self.value(kind)
                if isinstance(part, Part) and isinstance(wanted, type):
                    return issubclass(part.kind, wanted)
            case ast.BoolOp(op=ast.And(), values=values):
                return False if any(self.decided(one) is False for one in values) else None
            case _:
                self.value(test)
        return None

    def value(self, node: ast.expr) -> Any:
        """Read an expression, and return what it is as far as that is known."""
        match node:
            case ast.Name(id=name):
                known = self.names.get(name, self.scope.get(name, UNKNOWN))
                return getattr(builtins, name, UNKNOWN) if known is UNKNOWN else known
            case ast.Attribute(value=inner, attr=name):
                return self.reader.attribute(self.value(inner), name)
            case ast.Call():
                return self.call(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.value(test)
                one, other = self.value(body), self.value(orelse)
                return other if one is UNKNOWN else one
        for child in ast.iter_child_nodes(node):
            self.statement(child)
        return UNKNOWN

    def call(self, node: ast.Call) -> Any:
        called: Any = self.value(node.func)
        args = [self.value(arg) for arg in node.args]
        named = {str(word.arg): self.value(word.value) for word in node.keywords}
        if isinstance(called, tuple):
            called, args = called[0], [called[1], *args]
        elif inspect.ismethod(called):
            called, args = called.__func__, [called.__self__, *args]
        if called is isinstance:
            return UNKNOWN
        if (
            args
            and isinstance(args[0], Part)
            and (own := OF_MODELS.get(getattr(called, "__name__", "")))
        ):
            return own(self.reader, args[0])
        if called is dataclasses.replace and isinstance(args[0], Instance):
            return Instance(args[0].kind, args[0].attributes | named)
        if inspect.isclass(called) and _is_ours(called):
            return self.made(called, args, named)
        called = inspect.unwrap(called) if callable(called) else called
        if inspect.isfunction(called) and _is_ours(called):
            return self.followed(called, args, named)
        self.reader.lose(*args, *named.values())
        return UNKNOWN

    def followed(self, function: Any, args: list[Any], named: dict[str, Any]) -> Any:
        given = dict(zip(inspect.signature(function).parameters, args, strict=False)) | named
        if any(_is_followed(value) for value in given.values()):
            return self.reader.follow(function, given)
        return UNKNOWN

    def made(self, kind: type, args: list[Any], named: dict[str, Any]) -> Instance:
        new = Instance(kind)
        if dataclasses.is_dataclass(kind):
            names = [one.name for one in dataclasses.fields(kind)]
            new.attributes = dict(zip(names, args, strict=False)) | named
            if post := getattr(kind, "__post_init__", None):
                self.followed(post, [new], {})
        elif inspect.isfunction(kind.__init__):
            self.followed(kind.__init__, [new, *args], named)
        else:
            self.reader.lose(*args, *named.values())
        return new


def _is_ours(definition: Any) -> bool:
    return str(definition.__module__).split(".")[0] in ("microexpr", "test_stage_settings")
