"""Stage model: one method, trained on all clips, in a folder for ``microexpr predict``."""

from pathlib import Path
from typing import Annotated, Any

from microexpr.config import Config, Crop, Data, Features, Model
from microexpr.config.base import Only, Without
from microexpr.config.data import TITLE
from microexpr.config.preprocessing import Motion
from microexpr.config.training import InnerTrainingSettings
from microexpr.fingerprints.code import Code
from microexpr.magnify.methods import keys_of
from microexpr.stages import FeatureCaches, Manifest, Reads, Writes


class ModelSettings(InnerTrainingSettings):
    """What the model follows from, and all that made its caches: it is stored with the model."""

    data: Annotated[Data, Only(*TITLE, "labels")]
    crop: Crop
    features: Annotated[Features, Without("compression")]
    model: Model

    @classmethod
    def of(cls, config: Config, **chosen: Any) -> Any:
        """Take what is read: where the method magnifies, its keys as well."""
        found = super().of(config, **chosen)
        keys = keys_of(config.model.method, config)
        return MagnifiedModelSettings(**dict(found), magnify=keys) if keys else found


class MagnifiedModelSettings(ModelSettings):
    """The same with the keys of the method."""

    magnify: Motion


EVERYBODY = "everybody"  # names the fold in which nobody is tested


def model(
    settings: ModelSettings,
    *,
    features: FeatureCaches,
    metrics: Annotated[Path, Reads("metrics.csv: the accuracy, which is stored with the model")],
    manifest: Manifest,
    model: Annotated[Path, Writes("folder of the model")],
    device: str = "cpu",
) -> None:
    """Train on all clips and export, for microexpr predict."""
    from dataclasses import asdict

    from microexpr import __version__
    from microexpr.apps.predict.exported_model import accuracy, trained_on, weights_in, write
    from microexpr.cache.provenance import provenance
    from microexpr.protocol import Fold
    from microexpr.training.chunks import fine_tuned_blocks, recipe_of
    from microexpr.training.fold import train_fold
    from microexpr.training.store import open_features

    method, n, stored = settings.model.method, settings.model.n, settings.plain()
    measured = accuracy(metrics, settings.data.labels, settings.train, method=method, n=n)
    weights = weights_in(features[-1])
    with open_features(features, manifest) as store:
        about = trained_on(settings.data, store, features, method)
        result = train_fold(
            store,
            Fold(EVERYBODY, tuple(range(len(store))), ()),
            recipe_of(settings, n, method),
            fine_tuned=fine_tuned_blocks(settings.features, device),
            device=device,
        )
    about |= {"epochs": len(result.log), "seed": settings.train.seeds[0]}
    made = provenance(
        Code("model", network=settings.features.backbone),
        settings.plain(),
        [*features, manifest, metrics],
        weights_name=weights["name"],
        weights_sha256=weights["sha256"],
    )
    # The file's place is another one where the model is used; its checksum stays.
    stored["features"]["weights"] = None
    named = {"backbone": settings.features.backbone, **weights}
    write(
        model,
        result.model,
        settings=stored,
        about={"trained_on": about, "weights": named, "accuracy": measured},
        origin=asdict(made) | {"software": f"microexpr {__version__}"},
    )
