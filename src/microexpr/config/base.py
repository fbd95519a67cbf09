"""What all sections share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError
from pydantic_core.core_schema import no_info_plain_validator_function

from microexpr.errors import ConfigError
from microexpr.runtime.registry import Registry, resolve

if TYPE_CHECKING:
    from microexpr.config import Config

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, numbers finite, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NameOf:
    """Mark a key that holds the name of a row: of this package or of an extension.

    The generated JSON schema lists the names of this package.

    Parameters
    ----------
    registry : str
        ``"package.module:NAME"``; imported when a configuration is read.
    """

    def __init__(self, registry: str) -> None:
        self._reference = registry

    @property
    def registry(self) -> Registry[Any]:
        """The registry."""
        found: Registry[Any] = resolve(self._reference)
        return found

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return no_info_plain_validator_function(self._known)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"enum": list(self.registry.own), "type": "string"}

    def _known(self, value: Any) -> str:
        if isinstance(value, str) and value in self.registry:
            return value
        *names, last = map(repr, self.registry)
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(names)} or {last}"})


def made(make: Callable[[], Any], shown: Callable[[], Any] | None = None, **options: Any) -> Any:
    """Declare a field whose default is made when a configuration is read: it asks a registry.

    Parameters
    ----------
    make : callable
        Returns the default.
    shown : callable, optional
        Returns what the generated schema shows in its place, as plain values.
    **options
        Of :func:`pydantic.Field`.
    """

    def show(schema: dict[str, Any]) -> None:
        schema["default"] = (shown or make)()

    return Field(default_factory=make, json_schema_extra=show, **options)


MethodName = Annotated[str, NameOf("microexpr.magnify.methods:METHODS")]
NetworkName = Annotated[str, NameOf("microexpr.backbones.networks:NETWORKS")]
SystemName = Annotated[str, NameOf("microexpr.baselines:SYSTEMS")]
KindName = Annotated[str, NameOf("microexpr.datasets:KINDS")]


def default_file() -> Path:
    """Return the configuration file of the working folder.

    A checkout's is ``config.yaml``; a deployed workflow has it as ``config/config.yaml``.
    """
    own, deployed = Path("config.yaml"), Path("config/config.yaml")
    return deployed if deployed.is_file() and not own.is_file() else own


def overlaid(values: dict[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    """Lay nested dictionaries over one another, as Snakemake does with configuration files.

    A dictionary is laid over a dictionary; any other value replaces what was there.
    """
    laid = dict(values)
    for change in changes:
        for key, value in change.items():
            both = isinstance(value, dict) and isinstance(laid.get(key), dict)
            laid[key] = overlaid(laid[key], value) if both else value
    return laid


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a configuration file.

    Raises
    ------
    ConfigError
        When it is no YAML file of sections.
    """
    try:
        return parsed(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error})") from None


def parsed(text: str, name: str) -> dict[str, Any]:
    """Read sections from YAML; `name` says in messages where the text stands.

    Raises
    ------
    ConfigError
        When the text is no YAML of sections.
    """
    try:
        values = yaml.safe_load(text)
    except RecursionError:
        raise ConfigError(f"{name}: cannot be read as YAML (nested too deeply)") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{name}: cannot be read as YAML ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: must hold sections such as 'data:' and 'magnify:'")
    return values


class Settings(BaseModel):
    """What a stage reads of the configuration.

    Each field is a section, or a part of a section that holds exactly the keys that are read.
    Another key does not exist: reading it is an AttributeError, and an error for the type checker.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def variant(cls, config: Config, **chosen: Any) -> type[Self]:
        """Return the class whose keys are read under a configuration and some options.

        A stage that reads more where something is switched on overrides this.
        """
        del config, chosen
        return cls

    @classmethod
    def of(cls, config: Config, **chosen: Any) -> Self:
        """Take the keys that are read out of the whole configuration.

        Parameters
        ----------
        config : Config
            All keys.
        **chosen
            Options of the stage on which it depends which keys are read.
        """
        found = cls.variant(config, **chosen)
        sections = {
            name: found.part(config, name, field.annotation, **chosen)
            for name, field in found.model_fields.items()
        }
        return found.model_validate(sections)

    @classmethod
    def part(cls, config: Config, name: str, kind: Any, **chosen: Any) -> Any:
        """Take the keys of one field, which is of class `kind`, out of the whole section."""
        del chosen
        section = getattr(config, name)
        if type(section) is kind:
            return section
        return {key: getattr(section, key) for key in kind.model_fields}

    def plain(self) -> dict[str, Any]:
        """Return all keys and values, as JSON has them: what makes the results stale."""
        return self.model_dump(mode="json")

    def text(self) -> str:
        """Return all keys and values as YAML, to be read by people."""
        return yaml.safe_dump(self.plain(), sort_keys=False, allow_unicode=True, width=100)

    def short(self) -> str:
        """Return the keys that differ from their defaults in one line, for ``--config``."""
        values = _without_empty(self.model_dump(mode="json", exclude_defaults=True))
        line = yaml.safe_dump(
            values, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf
        )
        return line.strip()


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    shorter = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in values.items()}
    return {key: value for key, value in shorter.items() if value != {}}
