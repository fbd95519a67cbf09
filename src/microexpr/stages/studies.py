"""Stages of the studies: ablation, data leakage, and systems of other authors."""

from pathlib import Path
from typing import Annotated, Any

from microexpr.baselines import OWN_NETWORK, OwnNetworkSettings, STSTNetSettings, SystemSettings
from microexpr.config import Compare, Config, Data, Features, Leak, Protocol, Train, Windows
from microexpr.config.base import Only, Settings, Without
from microexpr.config.data import TITLE
from microexpr.config.evaluation import Confidence, TableSettings
from microexpr.fingerprints.code import Code
from microexpr.stages import FeatureCaches, Folds, Manifest, Option, Reads, Writes
from microexpr.studies.ablation import AblationSettings, rows


class TabulateAblationSettings(TableSettings, AblationSettings):
    """What the table follows from."""


def tabulate_ablation(
    settings: TabulateAblationSettings,
    *,
    predictions: Annotated[list[Path], Reads("predictions of all rows (.csv)")],
    features: Annotated[
        list[Path],
        Reads(
            "caches of features: at least one of each network, they name the weights: all shards "
            "(.h5)"
        ),
    ],
    manifest: Manifest,
    table: Annotated[Path, Writes("ablation.csv")],
    full: Annotated[bool, Option("all combinations of levels")] = False,
) -> None:
    """Compare the rows of the ablation with the default, in a table."""
    from microexpr.evaluation.pooled import Basis
    from microexpr.protocol.predictions import read
    from microexpr.runtime.tables import write_table
    from microexpr.studies.tables import ablation_table, weights_of

    weights = weights_of(features)
    network = settings.features.backbone, settings.features.cut
    found = ablation_table(
        read(predictions, settings.data.labels),
        Basis.of(settings, manifest, weights.get(network, "")),
        rows(settings, full=full),
        weights=weights,
    )
    write_table(table, found)


class TrainLeakSettings(Settings):
    """What the predictions under each split follow from."""

    data: Annotated[Data, Only("labels")]
    windows: Annotated[Windows, Without("n")]
    features: Annotated[Features, Only("backbone", "cut", "weights")]
    train: Annotated[Train, Without("feature_modes", "chunks")]
    protocol: Annotated[Protocol, Only("seed", "folds")]
    leak: Annotated[Leak, Without("methods")]


class TabulateLeakSettings(Settings):
    """What the table follows from."""

    data: Annotated[Data, Only(*TITLE)]
    features: Annotated[Features, Only("backbone", "cut")]
    evaluate: Confidence


def train_leak(
    settings: TrainLeakSettings,
    *,
    features: FeatureCaches,
    manifest: Manifest,
    predictions: Annotated[Path, Writes("predictions under each split (.csv)")],
    method: Annotated[str, Option("name of the method in the predictions")],
    device: str = "cpu",
) -> None:
    """Train under splits by window, by clip and by subject."""
    import shutil

    from microexpr.runtime.tables import write_table
    from microexpr.studies.leak import DECISION, train_leaking
    from microexpr.training.chunks import check_features, fine_tuned_blocks
    from microexpr.training.store import open_features
    from microexpr.training.windows import Recipe

    leak = settings.leak
    progress = predictions.with_suffix(".progress")
    recipe = Recipe(
        labels=tuple(settings.data.labels),
        n=leak.n,
        feature_mode=leak.feature_mode,
        seed=settings.train.seeds[0],
        windows=settings.windows,
        train=settings.train,
        clip_decision=DECISION,
    )
    with open_features(features, manifest) as store:
        check_features(settings.features, store)
        frame = train_leaking(
            store,
            recipe,
            seeds=settings.train.seeds,
            test_share=leak.test_share,
            folds=settings.protocol.folds,
            seed=settings.protocol.seed,
            progress_dir=progress,
            source_sha256=Code("train_leak", network=settings.features.backbone).accepted,
            fine_tuned=fine_tuned_blocks(settings.features, device),
            device=device,
        )
    about: dict[str, Any] = {"method": method, "feature_mode": leak.feature_mode, "n": leak.n}
    write_table(predictions, frame.assign(**about)[[*about, *frame.columns]])
    shutil.rmtree(progress, ignore_errors=True)


def tabulate_leak(
    settings: TabulateLeakSettings,
    *,
    predictions: Annotated[
        list[Path], Reads("predictions of stage train_leak: all methods (.csv)")
    ],
    table: Annotated[Path, Writes("leak.csv; leak.pdf and leak.png are written beside it")],
) -> None:
    """Compare the accuracy under leaky and clean splits, in a table and a figure."""
    from microexpr.datasets import title
    from microexpr.figures.tables import draw_leak
    from microexpr.runtime.tables import write_table
    from microexpr.studies.tables import leak_table, read_predictions

    network = settings.features
    found = leak_table(
        read_predictions(predictions),
        level=settings.evaluate.confidence,
        about={"backbone": network.backbone, "cut": network.cut, "data": title(settings.data)},
    )
    draw_leak(found, [table.with_suffix(suffix) for suffix in (".pdf", ".png")])
    write_table(table, found)


class TrainSystemSettings(SystemSettings):
    """What the predictions of a system follow from."""

    @classmethod
    def variant(cls, config: Config, *, system: str = "", **chosen: Any) -> type[Any]:
        """Return what is read: this pipeline's own network, and STSTNet, read other keys."""
        del config, chosen
        others = {OWN_NETWORK: OwnNetworkSettings, "ststnet": STSTNetSettings}
        return others.get(system, SystemSettings)


class TabulateSystemsSettings(TableSettings):
    """What the table follows from."""

    train: Annotated[Train, Only("feature_modes")]
    compare: Annotated[Compare, Only("against", "systems")]


def train_system(
    settings: TrainSystemSettings,
    *,
    caches: Annotated[
        list[Path], Reads("caches of faces (vggface2_bilstm: features): all shards (.h5)")
    ],
    folds: Folds,
    manifest: Manifest,
    predictions: Annotated[Path, Writes("predictions (.csv)")],
    best_epoch: Annotated[
        Path, Writes("the same of the epoch that is best on the tested clips, not to be scored")
    ],
    system: Annotated[str, Option("one of compare.systems", decisive=True)],
    method: Annotated[str, Option("name in the predictions [that of the system]")] = "",
    device: str = "cpu",
) -> None:
    """Train and test one of the compared systems."""
    import shutil

    import torch

    from microexpr import baselines
    from microexpr.baselines.folds import run_folds
    from microexpr.datasets.manifest import read
    from microexpr.protocol import read_folds
    from microexpr.protocol.predictions import write

    progress = predictions.with_suffix(".progress")
    compared = baselines.build(system, settings, device)
    examples = compared.examples(caches, read(manifest), progress)
    threads = torch.get_num_threads()
    at_a_time = threads if compared.together > 1 and device == "cpu" else 1
    torch.set_num_threads(threads // at_a_time)
    try:
        found = run_folds(
            compared,
            examples,
            read_folds(folds, examples.clip_ids),
            seeds=settings.compare.seeds,
            protocol=settings.protocol.name,
            progress_dir=progress,
            source_sha256=Code("train_system", system=system).accepted,
            threads=at_a_time,
        )
    finally:
        torch.set_num_threads(threads)
    named = {"method": method} if method else {}
    write(predictions, found.predictions.assign(**named))
    write(best_epoch, found.best_epoch_on_test)
    shutil.rmtree(progress, ignore_errors=True)


def tabulate_systems(
    settings: TabulateSystemsSettings,
    *,
    systems: Annotated[list[Path], Reads("predictions of the systems (.csv)")],
    method: Annotated[list[Path], Reads("predictions of our method (.csv)")],
    best_epoch: Annotated[
        list[Path],
        Reads("predictions of all, at the epoch that is best on the tested clips (.csv)"),
    ],
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
        best_epoch=read(best_epoch, settings.data.labels),
    )
    write_table(table, found)
