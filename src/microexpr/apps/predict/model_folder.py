"""The files of an exported model's folder, and their check as a whole before any is used.

``model.safetensors`` holds what was trained, ``config.json`` all that is needed to see a video as
training saw its clips, ``provenance.json`` where both come from. The seal of ``config.json`` covers
all three: it holds the checksums of the others. Besides the folder, only the backbone's weights
file is needed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError

from microexpr.config import Config
from microexpr.errors import ConfigError, DataError, WeightsError, damage
from microexpr.runtime.files import regular, sha256_of
from microexpr.runtime.tables import read_sealed

FORMAT = "microexpr/exported 1.0"
MODEL, SETTINGS, ORIGIN = "model.safetensors", "config.json", "provenance.json"
# What is left out of a configuration has a default; here that would be another model's.
SECTIONS = ("data", "crop", "features", "windows", "protocol", "train", "model")
REMEDY = "export the model again (snakemake --forcerun model)"
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Spread(_Entry):
    min: PositiveFloat
    median: PositiveFloat
    max: PositiveFloat


class _TrainedOn(_Entry):
    synthetic: bool
    note: str
    fps: _Spread
    frames: _Spread


class _Weights(_Entry):
    name: str
    sha256: Sha256


class _Estimate(_Entry):
    value: float
    low: float | None
    high: float | None


class _Accuracy(_Entry):
    accuracy: _Estimate
    majority: float
    confidence: float
    clips: int
    subjects: int
    protocol: str
    backbone: str
    method: str
    n: int
    subject_independent: bool


class _Sums(_Entry):
    model_config = ConfigDict(extra="forbid")
    model: Sha256 = Field(alias=MODEL)
    origin: Sha256 = Field(alias=ORIGIN)


class _About(_Entry):
    format: Literal["microexpr/exported 1.0"]
    config: dict[str, Any]
    sha256: _Sums
    weights: _Weights
    trained_on: _TrainedOn
    accuracy: _Accuracy


def read_about(folder: Path) -> tuple[dict[str, Any], Config]:
    """Read ``config.json`` and the settings in it, and compare the other files with it.

    Raises
    ------
    WeightsError
        When the folder is not one of these, an entry is missing or odd, a file was changed after it
        was written, or its files do not belong together.
    """
    path = folder / SETTINGS
    if not path.exists():
        raise WeightsError(f"{folder}: no exported model, there is no {SETTINGS} in it")
    try:
        content = read_sealed(path)
    except DataError as error:
        raise WeightsError(str(error)) from None
    with damage(WeightsError, f"{path}: cannot be read"):
        about: dict[str, Any] = dict(json.loads(content))
    try:
        _About.model_validate(about)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise WeightsError(f"{path}: {key}: {first['msg']}; {REMEDY}") from None
    if missing := [name for name in SECTIONS if not isinstance(about["config"].get(name), dict)]:
        raise WeightsError(f"{path}: config.{missing[0]}: Field required; {REMEDY}")
    for name, sha256 in about["sha256"].items():
        if sha256_of(regular(folder / name, WeightsError)) != sha256:
            raise WeightsError(f"{folder / name}: damaged, or not of the {SETTINGS} beside it")
    try:
        return about, Config.parse(about["config"])
    except ConfigError as error:
        raise WeightsError(f"{folder}: made by another version of microexpr ({error})") from None


def check_header(folder: Path, header: dict[str, Any], config: Config) -> None:
    """Raise WeightsError unless the header of the model says what the settings say."""
    wanted = {"labels": config.data.labels, **config.model.model_dump(mode="json")}
    for key, value in wanted.items():
        if (found := header.get(key)) != value:
            raise WeightsError(
                f"{folder / MODEL}: {key} is {found!r}, {SETTINGS} says {value!r}; {REMEDY}"
            )
