"""Stage train_system: one of the compared systems, trained and tested over all folds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microexpr.baselines import OWN_NETWORK, OwnNetworkSettings, SystemSettings
from microexpr.config import Config
from microexpr.fingerprints.code import Code
from microexpr.stages import FOLDS, MANIFEST, Cache, Option, Stage, Table


class TrainSystemSettings(SystemSettings):
    """What the predictions of a system follow from."""

    @classmethod
    def variant(cls, config: Config, *, system: str = "", **chosen: Any) -> type[Any]:
        """Return what is read: the system that is this pipeline's own network reads other keys."""
        del config, chosen
        return OwnNetworkSettings if system == OWN_NETWORK else SystemSettings


STAGE = Stage(
    "train_system",
    "train and test one of the compared systems",
    settings=TrainSystemSettings,
    inputs={
        "caches": Cache("faces (vggface2_bilstm: features)", many=True),
        "folds": FOLDS,
        "manifest": MANIFEST,
    },
    outputs={"predictions": Table("predictions (.csv)")},
    options={"system": Option("one of compare.systems")},
    decisive=("system",),
    device=True,
)


def run(
    settings: SystemSettings | OwnNetworkSettings,
    *,
    caches: list[Path],
    folds: Path,
    manifest: Path,
    predictions: Path,
    system: str,
    device: str = "cpu",
) -> None:
    """Train a system on each fold's training clips and test it on its test clips.

    Descriptors and finished folds are kept in ``.progress/`` until all are finished.

    Raises
    ------
    CacheError, ProtocolError, DataError, ConfigError
        When the caches do not fit together or a clip cannot be used, or a fold would leak.
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
