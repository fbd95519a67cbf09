"""The files of an exported model's folder, and their check as a whole before any is used.

``model.safetensors`` holds what was trained, ``config.json`` all that is needed to see a video as
training saw its clips, ``provenance.json`` where both come from. The seal of ``config.json`` covers
all three: it holds the checksums of the others. Besides the folder, only the backbone's weights
file is needed.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveFloat, ValidationError, create_model

from microexpr.config import Config
from microexpr.errors import ConfigError, DataError, WeightsError, damage
from microexpr.runtime.files import regular, sha256_of
from microexpr.runtime.tables import read_sealed

FORMAT = "microexpr/exported 1.0"
MODEL, SETTINGS, ORIGIN = "model.safetensors", "config.json", "provenance.json"
# What is left out of a configuration has a default; here that would be another model's.
SECTIONS = ("data", "crop", "features", "windows", "protocol", "train", "model")
REMEDY = "export the model again (snakemake --forcerun model)"
SHA256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
STRICT = ConfigDict(strict=True, allow_inf_nan=False)


def _entry(kinds: dict[str, Any], config: ConfigDict = STRICT) -> Any:
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in kinds.items()}
    return create_model("Entry", __config__=config, **fields)


SPREAD = _entry(dict.fromkeys(("min", "median", "max"), PositiveFloat))
ESTIMATE = _entry({"value": float, "low": float | None, "high": float | None})
TRAINED_ON = _entry({"synthetic": bool, "note": str, "fps": SPREAD, "frames": SPREAD})
ACCURACY = _entry(
    {
        "accuracy": ESTIMATE,
        **dict.fromkeys(("majority", "confidence"), float),
        **dict.fromkeys(("clips", "subjects", "n"), int),
        **dict.fromkeys(("protocol", "backbone", "method"), str),
        "subject_independent": bool,
    }
)
ABOUT = _entry(
    {
        "format": Literal["microexpr/exported 1.0"],
        "config": _entry(dict.fromkeys(SECTIONS, dict[str, Any])),
        "sha256": _entry({MODEL: SHA256, ORIGIN: SHA256}, STRICT | ConfigDict(extra="forbid")),
        "weights": _entry({"name": str, "sha256": SHA256}),
        "trained_on": TRAINED_ON,
        "accuracy": ACCURACY,
    }
)


def read_about(folder: Path) -> tuple[dict[str, Any], Config]:
    """Read ``config.json`` and the settings in it, and compare the other files with it.

    Raise WeightsError when the folder is not one of these, an entry is missing or odd, a file was
    changed after it was written, or its files do not belong together.
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
        ABOUT.model_validate(about)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise WeightsError(f"{path}: {key}: {first['msg']}; {REMEDY}") from None
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
