"""The folder of an exported model: weights, settings, accuracy and origin."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microexpr import backbones
from microexpr.cache import open_cache
from microexpr.config import Config
from microexpr.config.data import TitledLabels
from microexpr.config.training import Runs
from microexpr.datasets import title
from microexpr.errors import CacheError, ConfigError, DataError, WeightsError
from microexpr.evaluation.metrics import read_metrics
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.runtime.files import sha256_of, write_json
from microexpr.runtime.tables import read_sealed, seal
from microexpr.training.model import TrainedModel
from microexpr.training.store import FeatureStore

FORMAT = "microexpr/exported 1.0"
KEYS = ("config", "sha256", "weights", "trained_on", "accuracy")
MODEL, SETTINGS, ORIGIN = "model.safetensors", "config.json", "provenance.json"
SYNTHETIC = "SYNTHETIC: trained on generated faces; its predictions say nothing about people."


@dataclass(frozen=True)
class Exported:
    """A model that is ready to predict.

    Parameters
    ----------
    folder, about : Path, dict
        Where it was read, and the content of ``config.json``.
    config : Config
        The sections with which the caches and the model were made.
    model, network, device : TrainedModel, Backbone, str
        What predicts, and where it is: ``cpu`` or ``cuda``.
    """

    folder: Path
    config: Config
    about: dict[str, Any]
    model: TrainedModel
    network: backbones.Backbone
    device: str

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
    """Write the three files; ``config.json`` last, with the checksums of the others, and its seal.

    `settings` are sections of the configuration, `about` is the rest of ``config.json`` (accuracy,
    training data, weights), `origin` the content of ``provenance.json``.
    """
    model.save(folder / MODEL, labels=settings["data"]["labels"], **settings["model"])
    write_json(folder / ORIGIN, origin)
    sums = {name: sha256_of(folder / name) for name in (MODEL, ORIGIN)}
    content = {"format": FORMAT, "config": settings, "sha256": sums, **about}
    write_json(folder / SETTINGS, content)
    seal(folder / SETTINGS)


def read_about(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read ``config.json``.

    Raises
    ------
    WeightsError
        When the folder is not one of these, a file was changed after it was written, or its files
        do not belong together.
    """
    folder = Path(folder)
    path = folder / SETTINGS
    if not path.is_file():
        raise WeightsError(f"{folder}: no exported model, there is no {SETTINGS} in it")
    try:
        about: dict[str, Any] = json.loads(read_sealed(path))
        found = about.get("format")
    except DataError as error:
        raise WeightsError(str(error)) from None
    except (ValueError, AttributeError) as error:
        raise WeightsError(f"{path}: cannot be read ({error})") from None
    if found != FORMAT:
        raise WeightsError(f"{path}: format {found}, wanted {FORMAT}")
    if missing := [key for key in KEYS if not isinstance(about.get(key), dict)]:
        raise WeightsError(f"{path}: damaged, it has no entry {missing[0]}")
    for name, sha256 in about["sha256"].items():
        if not (folder / name).is_file():
            raise WeightsError(f"{folder}: {name} is missing")
        if sha256_of(folder / name) != sha256:
            raise WeightsError(f"{folder / name}: damaged, or not of the {SETTINGS} beside it")
    return about


def load(
    folder: str | os.PathLike[str], *, weights_path: str | None = None, device: str = "cpu"
) -> Exported:
    """Read a folder, and the weights of its backbone (None: the shipped or installed file).

    Raises
    ------
    WeightsError
        When the folder is damaged, or the backbone's weights are missing or other ones.
    """
    about = read_about(folder)
    try:
        config = Config.parse(about["config"])
    except ConfigError as error:
        raise WeightsError(f"{folder}: made by another version of microexpr ({error})") from None
    network = backbones.build(config.features.backbone, weights_path=weights_path)
    wanted = about["weights"]
    if network.weights_sha256 != wanted["sha256"]:
        raise WeightsError(
            f"{folder}: trained with weights {wanted['name']} (sha256 {wanted['sha256'][:12]}), "
            f"found {network.weights_name} ({network.weights_sha256[:12]}); name the file with "
            "--weights"
        )
    model, _ = TrainedModel.load(Path(folder) / MODEL, network)
    model.classifier.to(device)
    if model.fine_tuned is not None:
        model.fine_tuned.to(device)
    return Exported(Path(folder), config, about, model, network.to(device), device)


def trained_on(
    data: TitledLabels, store: FeatureStore, paths: Sequence[Path], method: str
) -> dict[str, Any]:
    """Describe the clips: data set, classes, subjects, frame rates and lengths.

    Parameters
    ----------
    data : TitledLabels
        Section ``data``.
    store : FeatureStore
        Features of all clips.
    paths : sequence of Path
        Their caches.
    method : str
        The method that they have to be of.

    Raises
    ------
    CacheError
        When they are of another method.
    """
    rates, frames = [], []
    for path in paths:
        with open_cache(path, "features") as cache:
            for clip in cache:
                found = clip.attributes["method"]
                if found != method:
                    raise CacheError(f"{path}: features of method {found}, wanted {method}")
                rates.append(clip.attributes.positive("fps"))
                frames.append(len(clip))
    name = title(data)
    return {
        "data": name,
        "synthetic": name == "synthetic",
        "note": SYNTHETIC if name == "synthetic" else "",
        "clips": {label: store.labels.count(label) for label in data.labels},
        "subjects": len(set(store.subjects)),
        "fps": _spread(rates),
        "frames": _spread(frames),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "min": float(min(values)),
        "median": float(np.median(values)),
        "max": float(max(values)),
    }


def weights_in(path: Path) -> dict[str, str]:
    """Return name and checksum of the weights that a cache of features was made with."""
    with open_cache(path, "features") as cache:
        return {key: str(cache.attributes[f"weights_{key}"]) for key in ("name", "sha256")}


ALL = "all"
OVERALL = ("accuracy", "uf1", "uar")
NOTE = (
    "Out of fold: each clip was predicted by a model that was not trained on it. The exported "
    "model was trained on all clips: nothing is left to test it on."
)
LEAK = "The same subjects were trained on and tested: expect less on other people."


def accuracy(
    path: str | os.PathLike[str], labels: Sequence[str], runs: Runs, *, method: str, n: int
) -> dict[str, Any]:
    """Read what the folds gave for a method and N from ``metrics.csv``.

    `labels` are ``data.labels``, `runs` is section ``train``.

    Returns
    -------
    dict
        Values with intervals, and what they rest on; ready for JSON.

    Raises
    ------
    DataError
        When the file cannot be read, is no table of metrics, or was changed after it was written.
    ConfigError
        When it has no such method or N.
    """
    feature_mode = runs.feature_modes[0]
    frame = read_metrics(path)
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
        "clips": int(first["clips"]),
        "subjects": int(first["subjects"]),
        "method": method,
        "n": n,
        "feature_mode": feature_mode,
        "protocol": str(first["protocol"]),
        "subject_independent": not leaks,
        "backbone": str(first["backbone"]),
        "cut": int(first["cut"]),
        "seeds": list(runs.seeds),
        "data": str(first["data"]),
        "note": f"{NOTE} {LEAK}" if leaks else NOTE,
    }


def _estimate(cells: pd.DataFrame, key: tuple[str, str]) -> dict[str, float | None]:
    """Return value and interval; JSON has no NaN, and one subject gives no interval."""
    row = cells.loc[[key]].iloc[0]
    return {
        name: None if pd.isna(row[name]) else float(row[name]) for name in ("value", "low", "high")
    }


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
