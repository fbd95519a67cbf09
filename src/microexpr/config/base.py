"""What all sections share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, numbers finite, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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
