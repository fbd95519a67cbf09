"""A plugin of mypy: of a section that settings declare in part, no other key can be read.

For mypy, ``Annotated[Data, Only("labels")]`` is all of ``Data``. Here each such field gets a
subclass of its section that knows the declared keys, and reading another one is an error. Functions
that take the whole section take the part as well: tests/test_stage_settings.py looks into them.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from pydantic.mypy import PydanticPlugin  # the first import of mypy's modules: python/mypy#17726

# isort: split
from mypy.errorcodes import ATTR_DEFINED
from mypy.nodes import MDEF, SymbolTableNode, TypeInfo
from mypy.plugin import AttributeContext, ClassDefContext, Plugin, ReportConfigContext
from mypy.types import Instance, ProperType, Type, TypeVarType, UnionType, get_proper_type

SETTINGS, SECTION = "microexpr.config.base.Settings", "microexpr.config.base.Section"
KEYS = "declared"  # of a part


def plugin(version: str) -> type[Plugin]:
    """Return the plugin. Mypy asks for it under this name."""
    del version
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    return SettingsPlugin


class SettingsPlugin(PydanticPlugin):
    """Pydantic's plugin, which sees the fields, with the parts of sections."""

    def get_base_class_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """Make the parts where a class of settings is defined."""
        hook = super().get_base_class_hook(fullname)
        return partial(_define_parts, hook) if hook and self._is(fullname, SETTINGS) else hook

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        """Look at what is read of settings and of sections."""
        owner, _, name = fullname.rpartition(".")
        return partial(self._read, name) if self._is(owner, SETTINGS, SECTION) else None

    def report_config_data(self, ctx: ReportConfigContext) -> dict[str, Any]:
        """Return on what the cache depends: also the keys, which may come from other modules."""
        parts: Any = None
        if ctx.id.startswith("microexpr.") and Path(ctx.path).is_file():
            source = Path(ctx.path).read_text("utf-8")
            if re.search(r"^class \w+\([\w\s,]*Settings\b", source, re.MULTILINE):
                parts = _parts(ctx.id)
        return super().report_config_data(ctx) | {"parts": parts}

    def _is(self, fullname: str, *bases: str) -> bool:
        info = self._class(fullname)
        return info is not None and any(map(info.has_base, bases))

    def _class(self, fullname: str) -> TypeInfo | None:
        found = self.lookup_fully_qualified(fullname)
        return found.node if found and isinstance(found.node, TypeInfo) else None

    def _read(self, name: str, ctx: AttributeContext) -> Type:
        parts: list[Type] = []
        for owner in _classes(ctx.type):
            declared = owner.metadata.get(KEYS)
            if declared and name not in declared["keys"]:
                settings, path = owner.fullname.split(".")[-2:]
                key = f"{path.removeprefix('__').replace('-', '.')}.{name}"
                text = f"{key} is not declared by {settings}"
                ctx.api.fail(text, ctx.context, code=ATTR_DEFINED)
            before = "-" if declared else ".__"
            if part := self._class(f"{owner.fullname}{before}{name}"):
                parts.append(Instance(part, []))
        return UnionType.make_union(parts) if parts else ctx.default_attr_type


def _classes(kind: ProperType) -> Iterator[TypeInfo]:
    match kind:
        case Instance(type=info):
            yield info
        case UnionType(items=kinds):
            for one in kinds:
                yield from _classes(get_proper_type(one))
        case TypeVarType(upper_bound=bound):
            yield from _classes(get_proper_type(bound))


def _define_parts(fields: Callable[[ClassDefContext], None], ctx: ClassDefContext) -> None:
    fields(ctx)
    cls = ctx.cls.info
    parts = _parts(cls.module_name)
    if isinstance(parts, str) or cls.fullname not in parts:
        why = parts if isinstance(parts, str) else "it has no such class"
        ctx.api.fail(f"Importing {cls.module_name}, for keys of the settings: {why}", ctx.cls)
        return
    for path, (section, keys) in parts[cls.fullname].items():
        found = ctx.api.lookup_fully_qualified_or_none(section)
        if not found or not isinstance(found.node, TypeInfo):
            ctx.api.defer()
            return
        # A private name, such as __data or __compare-against: those of several bases may differ.
        part = ctx.api.basic_new_typeinfo(f"__{path}", Instance(found.node, []), cls.line)
        part.metadata[KEYS] = {"keys": keys}
        cls.names[part.name] = SymbolTableNode(MDEF, part, plugin_generated=True)


@cache
def _parts(module: str) -> dict[str, dict[str, tuple[str, list[str]]]] | str:
    """Import a module, and return section and keys by class and path, or why that fails."""
    try:
        base: Any = importlib.import_module("microexpr.config.base")
        found = vars(importlib.import_module(module)).values()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

    def within(path: str, section: Any, part: Any) -> Iterator[tuple[str, Any]]:
        keys = part.model_fields
        yield path, (f"{section.__module__}.{section.__qualname__}", list(keys))
        for name, field in keys.items():
            inner = section.model_fields[name].annotation
            if field.annotation != inner:
                yield from within(f"{path}-{name}", inner, field.annotation)

    def parts(kind: Any) -> Iterator[tuple[str, Any]]:
        for name, field in kind.model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, base.Only):
                    whole = field.annotation
                    yield from within(name, whole, mark.part_of(whole))

    kinds = [one for one in found if isinstance(one, type) and issubclass(one, base.Settings)]
    return {f"{one.__module__}.{one.__qualname__}": dict(parts(one)) for one in kinds}
