"""What is written beside an exported model: the clips that it has been trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microexpr.apps.predict.exported_model import SYNTHETIC
from microexpr.cache import open_cache
from microexpr.config.data import TitledLabels
from microexpr.datasets import title
from microexpr.errors import CacheError
from microexpr.training.store import FeatureStore


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
                rates.append(float(clip.attributes["fps"]))
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
