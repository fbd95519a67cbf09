"""Stage features: the frozen blocks' output, once per frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from microexpr.config import Features
from microexpr.config.base import Settings
from microexpr.fingerprints.code import Code
from microexpr.stages import Reads, Writes


class FeatureSettings(Settings):
    """What the features follow from."""

    features: Features


def features(
    settings: FeatureSettings,
    *,
    images: Annotated[Path, Reads("cache of faces or magnified")],
    features: Annotated[Path, Writes("cache of features")],
    device: str = "cpu",
) -> None:
    """Run the frozen blocks, once per frame.

    They are the stem and blocks B1..Bcut.
    """
    from microexpr.backbones.weights import network_of
    from microexpr.cache import create, open_cache
    from microexpr.cache.derived import clip_features
    from microexpr.cache.provenance import provenance
    from microexpr.runtime.progress import track
    from microexpr.runtime.resources import released

    chosen = settings.features
    network = network_of(chosen).to(device)
    made = provenance(
        Code("features", network=chosen.backbone),
        settings.plain(),
        [images],
        weights_name=network.weights_name,
        weights_sha256=network.weights_sha256,
    )
    title = f"{network.name} activations after block B{chosen.cut}"
    with (
        open_cache(images) as source,
        create(features, "features", made, title=title, compression=chosen.compression) as out,
    ):
        # A network takes so long for a clip that its memory may as well be fetched anew.
        for clip in released(track(source.clip_ids, "features"), kept_bytes=16e6):
            clip_features(source[clip], out, network, chosen, device)
