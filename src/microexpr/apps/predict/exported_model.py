"""An exported model: written, checked as a whole and read, and what is known of its accuracy.

The seal of ``config.json`` covers its three files: docs/predict.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, PositiveFloat, ValidationError, create_model

from microexpr.backbones.base import Backbone
from microexpr.backbones.weights import build
from microexpr.cache import open_cache
from microexpr.config import Config, Data, Train
from microexpr.datasets import title
from microexpr.errors import CacheError, ConfigError, DataError, WeightsError, damage
from microexpr.evaluation.metrics import read_results
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.runtime.files import AnyPath, regular, sha256_of, write_json
from microexpr.runtime.tables import read_sealed, seal
from microexpr.runtime.wrong_values import place, said
from microexpr.training.model import TrainedModel
from microexpr.training.store import FeatureStore

ALL = "all"
OVERALL = ("accuracy", "uf1", "uar")
NOTE = (
    "Out of fold: each clip was predicted by a model that was not trained on it. The exported "
    "model was trained on all clips: nothing is left to test it on."
)
LEAK = "The same subjects were trained on and tested: expect less on other people."
SYNTHETIC = "SYNTHETIC: trained on generated faces; its predictions say nothing about people."
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
    """Read ``config.json`` and its settings; WeightsError: no such folder, or changed files."""
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
        raise WeightsError(f"{path}: {place(first)}{said(first)}; {REMEDY}") from None
    for name, sha256 in about["sha256"].items():
        if sha256_of(regular(folder / name, WeightsError)) != sha256:
            raise WeightsError(f"{folder / name}: damaged, or not of the {SETTINGS} beside it")
    try:
        return about, Config.parse(about["config"])
    except ConfigError as error:
        raise WeightsError(f"{folder}: made by another version of microexpr ({error})") from None


@dataclass(frozen=True)
class Exported:
    """A model that is ready to predict."""

    folder: Path  # where it was read
    config: Config  # the sections with which the caches and the model were made
    about: dict[str, Any]  # the content of ``config.json``
    model: TrainedModel
    network: Backbone
    device: str  # where both are: ``cpu`` or ``cuda``

    @property
    def labels(self) -> list[str]:
        """Classes, in order."""
        return self.config.data.labels


def write(
    folder: Path,
    model: TrainedModel,
    *,
    settings: dict[str, Any],
    about: dict[str, Any],
    origin: dict[str, Any],
) -> None:
    """Write the three files, ``config.json`` last: sections `settings` and the rest, `about`."""
    model.save(folder / MODEL, labels=settings["data"]["labels"], **settings["model"])
    write_json(folder / ORIGIN, origin)
    sums = {name: sha256_of(folder / name) for name in (MODEL, ORIGIN)}
    write_json(folder / SETTINGS, {"format": FORMAT, "config": settings, "sha256": sums, **about})
    seal(folder / SETTINGS)


def load(folder: AnyPath, *, weights_path: str | None = None, device: str = "cpu") -> Exported:
    """Read a folder, and the weights of its backbone; WeightsError: damaged, or other weights."""
    folder = Path(folder)
    about, config = read_about(folder)
    network = build(config.features.backbone, weights_path=weights_path)
    wanted = about["weights"]
    if network.weights_sha256 != wanted["sha256"]:
        raise WeightsError(
            f"{folder}: trained with weights {wanted['name']} (sha256 {wanted['sha256'][:12]}), "
            f"found {network.weights_name} ({network.weights_sha256[:12]}); name the file with "
            "--weights"
        )
    model, header = TrainedModel.load(folder / MODEL, network)
    saved = {"labels": config.data.labels, **config.model.model_dump(mode="json")}
    for key, value in saved.items():
        if (found := header.get(key)) != value:
            raise WeightsError(
                f"{folder / MODEL}: {key} is {found!r}, {SETTINGS} says {value!r}; {REMEDY}"
            )
    model.classifier.to(device)
    if model.fine_tuned is not None:
        model.fine_tuned.to(device)
    return Exported(folder, config, about, model, network.to(device), device)


def trained_on(
    data: Data, store: FeatureStore, paths: Sequence[Path], method: str
) -> dict[str, Any]:
    """Describe the clips of a store, whose caches are `paths`; CacheError: of another method."""
    rates, frames = [], []
    for path in paths:
        with open_cache(path, "features") as cache:
            for clip in cache:
                found = clip.attributes["method"]
                if found != method:
                    raise CacheError(f"{path}: features of method {found}, wanted {method}")
                rates.append(clip.attributes.positive("fps"))
                frames.append(len(clip))
    name, subjects = title(data), len(set(store.subjects))
    synthetic, clips = name == "synthetic", {k: store.labels.count(k) for k in data.labels}
    about = {"data": name, "synthetic": synthetic, "note": SYNTHETIC if synthetic else ""}
    about |= {"clips": clips, "subjects": subjects}
    return about | {"fps": _spread(rates), "frames": _spread(frames)}


def _spread(values: Sequence[float]) -> dict[str, float]:
    found = {"min": min(values), "median": np.median(values), "max": max(values)}
    return {name: float(value) for name, value in found.items()}


def weights_in(path: Path) -> dict[str, str]:
    """Return name and checksum of the weights that a cache of features was made with."""
    with open_cache(path, "features") as cache:
        return {key: str(cache.attributes[f"weights_{key}"]) for key in ("name", "sha256")}


def accuracy(
    path: AnyPath, labels: Sequence[str], runs: Train, *, method: str, n: int
) -> dict[str, Any]:
    """Read from ``metrics.csv`` what the folds gave for a method and N, ready for JSON."""
    feature_mode = runs.feature_modes[0]
    frame = read_results(path, "metrics")
    mine = frame[
        (frame["method"] == method) & (frame["feature_mode"] == feature_mode) & (frame["n"] == n)
    ]
    floor = frame[(frame["method"] == "majority") & (frame["metric"] == "accuracy")]
    if mine.empty or floor.empty:
        raise ConfigError(
            f"model: {path} has no row of method {method}, feature mode {feature_mode}, "
            f"n {n}: model.method must be in magnify.methods and model.n in windows.n"
        )
    cells = mine.set_index(["metric", "class"])
    first = mine.iloc[0]
    leaks = not SUBJECT_INDEPENDENT[str(first["protocol"])]
    return {
        **{metric: _estimate(cells, (metric, ALL)) for metric in OVERALL},
        "recall": {name: _estimate(cells, ("recall", name)) for name in labels},
        "majority": float(floor.iloc[0]["value"]),
        "confidence": float(first["confidence"]),
        **{name: int(first[name]) for name in ("clips", "subjects", "cut")},
        **{name: str(first[name]) for name in ("protocol", "backbone", "data")},
        **{"method": method, "n": n, "feature_mode": feature_mode, "seeds": list(runs.seeds)},
        "subject_independent": not leaks,
        "note": f"{NOTE} {LEAK}" if leaks else NOTE,
    }


def _estimate(cells: pd.DataFrame, key: tuple[str, str]) -> dict[str, float | None]:
    """Return value and interval; JSON has no NaN, and one subject gives no interval."""
    row = cells.loc[[key]].iloc[0][["value", "low", "high"]]
    return {str(k): None if pd.isna(number) else float(number) for k, number in row.items()}


def sentence(found: dict[str, Any]) -> str:
    """Return the accuracy in one line, for people."""
    value = found["accuracy"]
    text = f"out-of-fold accuracy {value['value']:.2f}"
    if value["low"] is not None:
        text += f" ({found['confidence']:.0%} interval {value['low']:.2f}-{value['high']:.2f})"
    text += (
        f", majority {found['majority']:.2f}; {found['clips']} clips of {found['subjects']} "
        f"subjects, {found['protocol']}, {found['backbone']}, method {found['method']}, "
        f"N = {found['n']}"
    )
    if not found["subject_independent"]:
        text += "; subjects leak"
    return text
