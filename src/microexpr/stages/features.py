"""Stage features: the frozen blocks' output, once a frame."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch

from microexpr import backbones, cache
from microexpr.cache.provenance import provenance
from microexpr.config import Config, Features
from microexpr.fingerprints.code import Code
from microexpr.runtime.progress import track
from microexpr.runtime.resources import released
from microexpr.stages import part

log = logging.getLogger(__name__)
# A network takes so long for a clip that its memory may as well be fetched anew.
KEPT_BYTES = 16e6


def run(config: Config, source: Path, output: Path, device: str = "cpu") -> None:
    """Run stem and blocks B1..Bcut over the clips of a shard.

    Parameters
    ----------
    config : Config
        Section ``features``.
    source : Path
        Cache of kind faces (method none) or magnified.
    output : Path
        Cache of kind features.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    WeightsError
        When the backbone's weights are missing or not what they should be.
    """
    settings = config.features
    weights = settings.weights
    network = backbones.build(
        settings.backbone,
        weights_path=weights and weights.path,
        weights_sha256=weights and weights.sha256,
    ).to(device)
    made = provenance(
        Code("features", network=settings.backbone),
        part(config, "features"),
        [source],
        weights_name=network.weights_name,
        weights_sha256=network.weights_sha256,
    )
    title = f"{network.name} activations after block B{settings.cut}"
    with (
        cache.open_cache(source) as images,
        cache.create(
            output, "features", made, title=title, compression=settings.compression
        ) as out,
    ):
        for clip_id in released(track(images.clip_ids, "features"), KEPT_BYTES):
            _clip_features(images[clip_id], out, network, config, device)


def batch_frames(settings: Features, device: str) -> int:
    """Frames that pass through the network at a time."""
    # A CPU's cache holds the maps of few frames; a GPU wants many.
    return settings.batch or (4 if device == "cpu" else 128)


@torch.inference_mode()
def frame_features(
    pixels: np.ndarray, network: backbones.Backbone, settings: Features, device: str = "cpu"
) -> np.ndarray:
    """Run the frozen blocks over a batch of frames.

    Parameters
    ----------
    pixels : ndarray, shape (T, y, x, 3), uint8
        Face crops, magnified or not.
    network : Backbone
        On `device`.
    settings : Features
        ``cut`` and ``dtype``.
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    ndarray, shape (T, C, h, w)
        In the dtype of the cache.
    """
    images = torch.from_numpy(pixels).to(device)
    maps = network.front(network.preprocess(images), settings.cut)
    return np.ascontiguousarray(maps.cpu().numpy(), dtype=settings.dtype)


def _clip_features(
    clip: cache.ClipCache,
    out: cache.CacheWriter,
    network: backbones.Backbone,
    config: Config,
    device: str,
) -> None:
    settings = config.features
    batch = batch_frames(settings, device)
    attributes = {"method": "none", **clip.attributes, "backbone": network.name}
    coordinates = {name: clip[name] for name in ("frame", "time", "detected", "box")}
    with out.clip(clip.clip_id, **attributes, cut=settings.cut) as group:
        for start in range(0, len(clip), batch):
            rows = slice(start, start + batch)
            group.append(
                frame_features(clip.data[rows], network, settings, device),
                **{name: values[rows] for name, values in coordinates.items()},
            )
    log.info("clip %s: %d frames", clip.clip_id, group.length)
