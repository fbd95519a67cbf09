"""What all sections share."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Self

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError
from pydantic_core.core_schema import no_info_plain_validator_function

from microexpr.runtime.names import visible
from microexpr.runtime.printing import printable
from microexpr.runtime.registry import resolve

if TYPE_CHECKING:
    from microexpr.config import Config


def _quoted(name: Any) -> str:
    """Refuse what YAML takes for a number, a date or nothing, such as 006, 1.0, no and NA: null."""
    if not isinstance(name, str):
        raise ValueError("is no text for YAML: write the name in quotes")
    if not visible(name) or re.search(r"[\t\n]", name) or printable(name) != name:
        raise ValueError("a name needs signs that can be seen, and no control characters")
    return name


def _class_name(name: Any) -> str:
    whole = isinstance(name, int) and not isinstance(name, bool)
    return _quoted(str(name) if whole else name)


# A class or an emotion, a subject or a clip, whatever people call it; a file or folder, where ~ is
# the user's home.
ClassName = Annotated[str, pydantic.BeforeValidator(_class_name)]
Name = Annotated[str, pydantic.BeforeValidator(_quoted)]
FilePath = Annotated[str, pydantic.AfterValidator(os.path.expanduser)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, numbers finite, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _name_of(reference: str) -> pydantic.GetPydanticSchema:
    """Mark a key that holds the name of a row of a registry, ``"package.module:NAME"``."""

    def known(value: Any) -> str:
        registry = resolve(reference)
        if isinstance(value, str) and value in registry:
            return value
        *names, last = map(repr, registry)
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(names)} or {last}"})

    return pydantic.GetPydanticSchema(
        lambda source, handler: no_info_plain_validator_function(known),
        lambda schema, handler: {"enum": list(resolve(reference).own), "type": "string"},
    )


def made(make: Callable[[], Any], shown: Callable[[], Any] | None = None, **options: Any) -> Any:
    """Declare a field whose default is made when it is read; the schema shows `shown` instead."""

    def show(schema: dict[str, Any]) -> None:
        schema["default"] = (shown or make)()

    return Field(default_factory=make, json_schema_extra=show, **options)


MethodName = Annotated[str, _name_of("microexpr.magnify.methods:METHODS")]
NetworkName = Annotated[str, _name_of("microexpr.backbones.networks:NETWORKS")]
SystemName = Annotated[str, _name_of("microexpr.baselines:SYSTEMS")]
ControlName = Annotated[str, _name_of("microexpr.training.controls:CONTROLS")]
KindName = Annotated[str, _name_of("microexpr.datasets:KINDS")]


class Only:
    """Mark a field of `Settings`: only these keys of its section exist, such as ``against.n``."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def part_of(self, section: type[Section]) -> type[Section]:
        """Return a model of these keys. It validates none together: their values are valid."""
        return _part(section, self._keys)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return handler.generate_schema(self.part_of(source))


class Without(Only):
    """Mark a field of `Settings`: these keys of its section do not exist there."""

    def part_of(self, section: type[Section]) -> type[Section]:
        """Return a model of the other keys."""
        return _part(section, tuple(key for key in section.model_fields if key not in self._keys))


@cache
def _part(section: type[Section], keys: tuple[str, ...]) -> type[Section]:
    wanted: dict[str, list[str]] = {}
    for key in keys:
        name, _, within = key.partition(".")
        wanted.setdefault(name, []).extend([within] if within else [])
    if unknown := wanted.keys() - section.model_fields:
        raise KeyError(f"{section.__name__} has no key {min(unknown)}")
    fields: dict[str, Any] = {}
    for name, inner in wanted.items():
        field = section.model_fields[name]
        kind: Any = field.annotation
        fields[name] = (_part(kind, tuple(inner)), ...) if inner else (kind, field)
    return pydantic.create_model(section.__name__, __base__=Section, **fields)


class Settings(BaseModel):
    """What a stage reads of the configuration: sections, or with `Only` or `Without` parts of them.

    Another key does not exist: reading it is an AttributeError and an error of mypy.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def variant(cls, config: Config, **chosen: Any) -> type[Self]:
        """Return the class whose keys are read: of more where something is switched on."""
        del config, chosen
        return cls

    @classmethod
    def of(cls, config: Config, **chosen: Any) -> Self:
        """Take the keys that are read; `chosen` are options on which it depends which these are."""
        kind = cls.variant(config, **chosen)
        sections = {name: getattr(config, name) for name in kind.model_fields}
        return kind.model_validate(sections, from_attributes=True)

    def with_values(self, changes: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return a copy with other values of some keys, by section."""
        return self.model_copy(
            update={k: getattr(self, k).model_copy(update=keys) for k, keys in changes.items()}
        )

    def plain(self) -> dict[str, Any]:
        """Return all keys and values, as JSON has them: what makes the results stale."""
        return self.model_dump(mode="json")

    def text(self) -> str:
        """Return all keys and values as YAML, to be read by people."""
        return yaml.safe_dump(self.plain(), sort_keys=False, allow_unicode=True, width=100)

    def short(self) -> str:
        """Return the keys that differ from their defaults in one line, for ``--config``."""
        return in_one_line(_without_empty(self.model_dump(mode="json", exclude_defaults=True)))


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    shorter = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in values.items()}
    return {key: value for key, value in shorter.items() if value != {}}


def in_one_line(values: Any) -> str:
    """Return plain values as YAML in one line."""
    dumped = yaml.safe_dump(
        values, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf
    )
    return dumped.strip()
