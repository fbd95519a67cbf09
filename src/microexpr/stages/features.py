"""Stage features: the frozen blocks' output, once a frame."""

from __future__ import annotations

import logging
from pathlib import Path

from microexpr import backbones, cache
from microexpr.backbones.base import batch_frames, frame_features
from microexpr.cache.provenance import provenance
from microexpr.config import Config
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
