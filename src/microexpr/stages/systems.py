"""Stages of the comparison: systems of other authors, beside one of our methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from microexpr.baselines import OWN_NETWORK, OwnNetworkSettings, SystemSettings
from microexpr.config import Compare, Config, Train
from microexpr.config.base import Only
from microexpr.config.evaluation import TableSettings
from microexpr.fingerprints.code import Code
from microexpr.stages import Folds, Manifest, Option, Reads, Writes


class TrainSystemSettings(SystemSettings):
    """What the predictions of a system follow from."""

    @classmethod
    def variant(cls, config: Config, *, system: str = "", **chosen: Any) -> type[Any]:
        """Return what is read: the system that is this pipeline's own network reads other keys."""
        del config, chosen
        return OwnNetworkSettings if system == OWN_NETWORK else SystemSettings


class TabulateSystemsSettings(TableSettings):
    """What the table follows from."""

    train: Annotated[Train, Only("feature_modes")]
    compare: Annotated[Compare, Only("against", "systems")]


def train_system(
    settings: TrainSystemSettings,
    *,
    caches: Annotated[
        list[Path],
        Reads("caches of faces (vggface2_bilstm: features): all shards (.h5)"),
    ],
    folds: Folds,
    manifest: Manifest,
    predictions: Annotated[Path, Writes("predictions (.csv)")],
    system: Annotated[str, Option("one of compare.systems", decisive=True)],
    device: str = "cpu",
) -> None:
    """Train and test one of the compared systems.

    Descriptors and finished folds are kept in ``.progress/`` until all are finished.
    """
    import shutil

    from microexpr import baselines
    from microexpr.baselines.folds import run_folds
    from microexpr.datasets.manifest import read
    from microexpr.protocol import read_folds
    from microexpr.protocol.predictions import write

    progress = predictions.with_suffix(".progress")
    compared = baselines.build(system, settings, device)
    examples = compared.examples(caches, read(manifest), progress)
    frame = run_folds(
        compared,
        examples,
        read_folds(folds, examples.clip_ids),
        seeds=settings.compare.seeds,
        protocol=settings.protocol.name,
        progress_dir=progress,
        source_sha256=Code("train_system", system=system).accepted,
    )
    write(predictions, frame)
    shutil.rmtree(progress, ignore_errors=True)


def tabulate_systems(
    settings: TabulateSystemsSettings,
    *,
    systems: Annotated[list[Path], Reads("predictions of the systems (.csv)")],
    method: Annotated[list[Path], Reads("predictions of our method (.csv)")],
    manifest: Manifest,
    table: Annotated[Path, Writes("comparison.csv")],
) -> None:
    """Compare the compared systems with one of our methods, in a table."""
    from microexpr import baselines
    from microexpr.evaluation.pooled import Basis
    from microexpr.protocol.predictions import read
    from microexpr.runtime.tables import write_table
    from microexpr.studies.tables import POSTER_FIGURE, comparison

    against = settings.compare.against
    figures = {name: baselines.SYSTEMS[name].published for name in settings.compare.systems}
    found = comparison(
        read([*systems, *method], settings.data.labels),
        Basis.of(settings, manifest),
        reference=(against.method, settings.train.feature_modes[0], against.n),
        published={against.method: POSTER_FIGURE} | figures,
        with_backbone=[baselines.OWN_NETWORK],
    )
    write_table(table, found)
