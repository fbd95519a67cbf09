"""Stage evaluate: pooled predictions to tables with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from microexpr.config import Ablation, Config, Evaluate, Train
from microexpr.config.base import Only, Without
from microexpr.config.evaluation import TableSettings
from microexpr.stages import Manifest, Reads, Writes
from microexpr.studies.variants import ChoiceSettings, choices, controls


class EvaluateSettings(TableSettings, ChoiceSettings):
    """What the tables follow from."""

    train: Annotated[Train, Only("feature_modes")]
    evaluate: Annotated[Evaluate, Without("permutations")]

    @classmethod
    def variant(cls, config: Config, **chosen: Any) -> type[EvaluateSettings]:
        """Return what is read: where controls are trained, on which method and N as well."""
        return ControlledSettings if config.evaluate.controls else EvaluateSettings


class ControlledSettings(EvaluateSettings):
    """The same with the method and N of the controls."""

    ablation: Annotated[Ablation, Only("method", "n")]


def evaluate(
    settings: EvaluateSettings,
    *,
    predictions: Annotated[list[Path], Reads("predictions of all methods, N and chunks (.csv)")],
    inner: Annotated[Sequence[Path], Reads("predictions on inner folds (.csv) [none]")] = (),
    features: Annotated[Path, Reads("cache of features: one, it names the weights")],
    manifest: Manifest,
    folder: Annotated[Path, Writes("folder of the tables")],
) -> None:
    """Pool predictions into tables with intervals."""
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
