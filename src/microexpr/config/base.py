"""What all sections share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError
from pydantic_core.core_schema import no_info_plain_validator_function

from microexpr.errors import ConfigError
from microexpr.runtime.registry import Registry, resolve

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
    """Name the configuration of the folder that one works in.

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
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold sections such as 'data:' and 'magnify:'")
    return values
