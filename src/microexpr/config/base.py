"""What all sections share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from microexpr.errors import ConfigError

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, numbers finite, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
