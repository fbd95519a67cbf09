"""Stage evaluate: pooled predictions to tables with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from microexpr.config import Config
from microexpr.config.evaluation import Controls, TableSettings
from microexpr.config.studies import Default
from microexpr.config.training import FeatureModes
from microexpr.stages import MANIFEST, Cache, File, Stage, Table
from microexpr.studies.variants import ChoiceSettings, choices, controls


class EvaluateSettings(TableSettings, ChoiceSettings):
    """What the tables follow from."""

    train: FeatureModes
    evaluate: Controls

    @classmethod
    def variant(cls, config: Config, **chosen: Any) -> type[EvaluateSettings]:
        """Return what is read: where controls are trained, on which method and N as well."""
        return ControlledSettings if config.evaluate.controls else EvaluateSettings


class ControlledSettings(EvaluateSettings):
    """The same with the method and N of the controls."""

    ablation: Default


STAGE = Stage(
    "evaluate",
    "pool predictions into tables with intervals",
    settings=EvaluateSettings,
    inputs={
        "predictions": Table("predictions of all methods, N and chunks (.csv)", many=True),
        "inner": Table("predictions on inner folds (.csv) [none]", many=True, optional=True),
        "features": Cache("features: one, it names the weights"),
        "manifest": MANIFEST,
    },
    outputs={"folder": File("folder of the tables")},
)


def run(
    settings: EvaluateSettings,
    *,
    predictions: list[Path],
    inner: Sequence[Path] = (),
    features: Path,
    manifest: Path,
    folder: Path,
) -> None:
    """Evaluate all predictions together.

    Raises
    ------
    DataError, ProtocolError
        When clips or runs are missing, occur twice, or do not fit together.
    """
    from microexpr.cache import open_cache
    from microexpr.evaluation.pooled import Basis
    from microexpr.evaluation.tables import write_results

    with open_cache(features, "features") as cache:
        weights_sha256 = str(cache.attributes["weights_sha256"])
    trained = {}
    if settings.evaluate.controls:
        assert isinstance(settings, ControlledSettings)
        trained = controls(settings.evaluate.controls, settings.ablation)
    write_results(
        predictions,
        Basis.of(settings, manifest, weights_sha256),
        folder,
        methods=settings.magnify.methods,
        feature_modes=settings.train.feature_modes,
        n=settings.windows.n,
        controls={name: run.name for name, run in trained.items()},
        inner=inner,
        choices={k: [(r.method, r.n) for r in runs] for k, runs in choices(settings).items()},
    )
