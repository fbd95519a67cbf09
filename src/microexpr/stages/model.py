"""Stage model: one method, trained on all clips, in a folder that answers for other videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from microexpr import __version__
from microexpr.apps.predict import accuracy as honest
from microexpr.apps.predict import exported_model
from microexpr.cache import open_cache
from microexpr.cache.provenance import provenance
from microexpr.config import Config
from microexpr.datasets import title
from microexpr.errors import CacheError
from microexpr.fingerprints.code import Code
from microexpr.protocol import Fold
from microexpr.stages import part
from microexpr.stages.train import fine_tuned, recipe
from microexpr.training.fold import FoldResult, train_fold
from microexpr.training.store import FeatureStore, open_features

EVERYBODY = "everybody"  # names the fold in which nobody is tested


def run(
    config: Config,
    features: Sequence[Path],
    output: Path,
    *,
    manifest_path: Path,
    metrics: Path,
    device: str = "cpu",
) -> None:
    """Train on all clips and export.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``crop``, ``magnify``, ``windows``, ``features``, ``train``,
        ``protocol``, ``select`` and ``model``.
    features : sequence of Path
        Caches of kind features: all shards of ``model.method``.
    output : Path
        The folder; its files are those of :mod:`microexpr.apps.predict.exported_model`.
    manifest_path : Path
        ``manifest.csv``: subjects and labels.
    metrics : Path
        ``metrics.csv``: the accuracy out of fold, which is stored with the model.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError, CacheError, DataError, ProtocolError
        When the folds have not tested this method and N, or it cannot be trained.
    """
    accuracy = honest.accuracy(metrics, config)
    seen = _seen(features, config.model.method)
    with open_features(features, manifest_path) as store:
        clips = Fold(EVERYBODY, tuple(range(len(store))), ())
        result = train_fold(
            store,
            clips,
            recipe(config, config.model.n),
            fine_tuned=fine_tuned(config, device),
            device=device,
        )
        about = _about(config, store, seen, result)
    settings = part(config, "model")
    # The file's place is another one where the model is used; its checksum stays.
    settings["features"]["weights"] = None
    made = provenance(
        Code("model", network=config.features.backbone),
        part(config, "model"),
        [*features, manifest_path, metrics],
        weights_name=about["weights"]["name"],
        weights_sha256=about["weights"]["sha256"],
    )
    exported_model.write(
        output,
        result.model,
        settings=settings,
        about=about | {"accuracy": accuracy},
        origin=asdict(made) | {"software": f"microexpr {__version__}"},
    )


def _seen(paths: Sequence[Path], method: str) -> dict[str, Any]:
    """Collect rates, lengths and weights from the caches."""
    rates, frames = [], []
    for path in paths:
        with open_cache(path, "features") as cache:
            weights = {k: str(cache.attributes[f"weights_{k}"]) for k in ("name", "sha256")}
            for clip in cache:
                found = clip.attributes["method"]
                if found != method:
                    raise CacheError(f"{path}: features of method {found}, wanted {method}")
                rates.append(float(clip.attributes["fps"]))
                frames.append(len(clip))
    return {"fps": _spread(rates), "frames": _spread(frames), "weights": weights}


def _spread(values: list[float]) -> dict[str, float]:
    return {
        name: float(of(values)) for name, of in (("min", min), ("median", np.median), ("max", max))
    }


def _about(
    config: Config, store: FeatureStore, seen: dict[str, Any], result: FoldResult
) -> dict[str, Any]:
    data = title(config.data)
    return {
        "trained_on": {
            "data": data,
            "synthetic": data == "synthetic",
            "note": exported_model.SYNTHETIC if data == "synthetic" else "",
            "clips": {label: store.labels.count(label) for label in config.data.labels},
            "subjects": len(set(store.subjects)),
            "fps": seen["fps"],
            "frames": seen["frames"],
            "epochs": len(result.log),
            "seed": config.train.seeds[0],
        },
        "weights": {"backbone": config.features.backbone, **seen["weights"]},
    }
