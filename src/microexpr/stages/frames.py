"""Stages crop, magnify and features: the cache of a shard, made from another one."""

from pathlib import Path
from typing import Annotated, Any, Self

from microexpr.config import Config, Crop, Features
from microexpr.config.base import Settings
from microexpr.config.preprocessing import Motion
from microexpr.errors import Faults
from microexpr.fingerprints.code import Code
from microexpr.magnify.methods import keys_of
from microexpr.stages import Option, Reads, Writes


class CropSettings(Settings):
    """What the crops follow from."""

    crop: Crop


def crop(
    settings: CropSettings,
    *,
    frames: Annotated[Path, Reads("cache of frames")],
    faces: Annotated[Path, Writes("cache of faces")],
) -> None:
    """Crop the faces, one transform per clip."""
    from microexpr.cache import create, open_cache
    from microexpr.cache.clips import crop_clip
    from microexpr.cache.provenance import provenance
    from microexpr.face.detection import face_detector
    from microexpr.runtime.progress import track
    from microexpr.runtime.resources import released

    made = provenance(Code("crop"), settings.plain(), [frames])
    detector, faults = face_detector(settings.crop), Faults()
    with (
        open_cache(frames, "frames") as source,
        # Sensor noise hardly compresses (26 % with gzip), and takes more time than the crop itself.
        create(faces, "faces", made, title="Face crops", compression="none") as out,
    ):
        for clip in released(track(source.clip_ids, "crop")):
            with faults.noted(clip):
                crop_clip(source[clip], out, detector, settings.crop)
        faults.stop()


class MagnifySettings(Settings):
    """What the magnified clips of one method follow from."""

    magnify: Motion

    @classmethod
    def of(cls, config: Config, *, method: str = "", **chosen: Any) -> Self:
        """Take the keys of the method; those of another method are left out."""
        del chosen
        return cls.model_validate({"magnify": keys_of(method, config)})


def magnify(
    settings: MagnifySettings,
    *,
    faces: Annotated[Path, Reads("cache of faces")],
    magnified: Annotated[Path, Writes("cache of magnified")],
    method: Annotated[str, Option("filter_only, amm, pmm or that of an extension", decisive=True)],
    device: str = "cpu",
) -> None:
    """Magnify motion by one method.

    Method none needs no stage: its frames are the faces. MicroexprError names the clip for whose
    length the filter has no response.
    """
    from microexpr.cache import create, open_cache
    from microexpr.cache.derived import magnify_clip
    from microexpr.cache.provenance import provenance
    from microexpr.runtime.progress import track
    from microexpr.runtime.resources import released

    made = provenance(Code("magnify", method=method), settings.plain(), [faces])
    title = f"Face crops, {method}"
    with (
        open_cache(faces, "faces") as source,
        create(magnified, "magnified", made, title=title, compression="none") as out,
    ):
        # To fetch memory anew takes AMM 0.05 s per clip, and PMM no time that can be measured.
        for clip in released(track(source.clip_ids, f"magnify {method}"), kept_bytes=32e6):
            magnify_clip(source[clip], out, settings.magnify, method, device)


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
    """Run the frozen blocks, once per frame."""
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
