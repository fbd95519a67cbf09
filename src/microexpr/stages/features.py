"""Stage features: the frozen blocks' output, once a frame."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch

from microexpr import backbones, cache
from microexpr.config import Config
from microexpr.heap import released
from microexpr.progress import track
from microexpr.provenance import provenance
from microexpr.stages import part

log = logging.getLogger(__name__)


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
        __name__,
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
        for clip_id in released(track(images.clip_ids, "features")):
            _clip_features(images[clip_id], out, network, config, device)


@torch.inference_mode()
def _clip_features(
    clip: cache.ClipCache,
    out: cache.CacheWriter,
    network: backbones.Backbone,
    config: Config,
    device: str,
) -> None:
    settings = config.features
    # A CPU's cache holds the maps of few frames; a GPU wants many.
    batch = settings.batch or (4 if device == "cpu" else 128)
    attributes = {"method": "none", **clip.attributes, "backbone": network.name}
    coordinates = {name: clip[name] for name in ("frame", "time", "detected", "box")}
    with out.clip(clip.clip_id, **attributes, cut=settings.cut) as group:
        for start in range(0, len(clip), batch):
            rows = slice(start, start + batch)
            images = torch.from_numpy(clip.data[rows]).to(device)
            maps = network.front(network.preprocess(images), settings.cut)
            group.append(
                np.ascontiguousarray(maps.cpu().numpy(), dtype=settings.dtype),
                **{name: values[rows] for name, values in coordinates.items()},
            )
    log.info("clip %s: %d frames", clip.clip_id, group.length)
