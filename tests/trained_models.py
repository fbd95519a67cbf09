"""Exported models that tests make in a second: random features, one epoch, a metrics.csv."""

from __future__ import annotations

from functools import cache as once
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import listed
from microexpr import cache
from microexpr.backbones.base import Backbone
from microexpr.backbones.weights import build
from microexpr.config import Config
from microexpr.runtime.tables import write_table
from running import run_stage

LABELS = ("negative", "positive", "surprise")
FACES = {"backbone": "mobilenet_vggface2", "cut": 13}
PLAIN = {"backbone": "random_mobilenet", "cut": 13}


@once
def network(name: str) -> Backbone:
    return build(name)


def feature_shape(net: Backbone, cut: int, size_px: int = 224) -> tuple[int, ...]:
    """Compute (C, h, w) of cached features of square crops."""
    with torch.no_grad():
        return tuple(net.front(torch.zeros(1, 3, size_px, size_px), cut).shape[1:])


def settings(
    *, method: str = "none", features: dict[str, Any] = PLAIN, n: int = 7, **changes: dict
) -> Config:
    """Give a configuration whose crops are small."""
    return Config().changed(
        {
            "crop": {"size_px": 96 if features == FACES else 64, "detector": "yunet"},
            "features": features,
            "train": {"epochs": 1, "feature_modes": ["onset_difference"]},
            "model": {"method": method, "n": n},
        },
        changes,
    )


def write_features(path: Path, config: Config, *, fps: float = 100.0, frames: int = 20) -> Path:
    """Write features of two subjects with a clip of each class."""
    rng = np.random.default_rng(0)
    net = network(config.features.backbone)
    shape = feature_shape(net, config.features.cut, config.crop.size_px)
    made = cache.Provenance(weights_name=net.weights_name, weights_sha256=net.weights_sha256)
    about = {"method": config.model.method, "fps": fps, "backbone": net.name}
    with cache.create(path, "features", made) as out:
        for subject in ("s1", "s2"):
            for label in LABELS:
                clip_id = f"{subject}_{label}"
                with out.clip(clip_id, cut=config.features.cut, **about) as clip:
                    clip.append(
                        rng.random((frames, *shape), np.float32).astype(np.float16),
                        frame=np.arange(frames),
                        time=np.arange(frames) / fps,
                        detected=np.ones(frames),
                        box=np.zeros((frames, 4)),
                    )
    return path


def write_manifest(path: Path) -> Path:
    """Write the table of these clips."""
    clips = [(subject, label) for subject in ("s1", "s2") for label in LABELS]
    return listed.write(path, ["_".join(clip) for clip in clips], *zip(*clips, strict=True))


def write_metrics(path: Path, config: Config, *, protocol: str = "loso") -> Path:
    """Write the rows of metrics.csv that the model's folder quotes."""
    about = {
        "feature_mode": config.train.feature_modes[0],
        "n": config.model.n,
        "low": 0.5,
        "high": 0.9,
        "confidence": 0.95,
        "clips": 6,
        "subjects": 2,
        "protocol": protocol,
        "subject_independent": "true",
        "weights_sha256": "",
        "backbone": config.features.backbone,
        "cut": config.features.cut,
        "data": "synthetic",
    }
    cells = [("accuracy", "all"), ("uf1", "all"), ("uar", "all"), *(("recall", k) for k in LABELS)]
    rows = [
        {"method": config.model.method, "metric": metric, "class": name, "value": 0.75, **about}
        for metric, name in cells
    ]
    floor = {"method": "majority", "metric": "accuracy", "class": "all", "value": 1 / 3}
    frame = pd.DataFrame([*rows, {**about, **floor, "n": None}]).astype({"n": "Int64"})
    write_table(path, frame)
    return path


def export(folder: Path, config: Config, *, fps: float = 100.0, frames: int = 20) -> Path:
    """Run the stage; give the model's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    features = write_features(folder / "features.h5", config, fps=fps, frames=frames)
    metrics = write_metrics(folder / "metrics.csv", config)
    clips = write_manifest(folder / "manifest.csv")
    run_stage(
        "model",
        config,
        features=[features],
        metrics=metrics,
        manifest=clips,
        model=folder / "model",
    )
    return folder / "model"
