"""Stage train: some folds of one method and one N."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from microexpr import backbones
from microexpr.config import Config
from microexpr.errors import ConfigError
from microexpr.evaluation import predictions
from microexpr.files import write_csv
from microexpr.protocol import table
from microexpr.provenance import fingerprint
from microexpr.training.fold import Recipe
from microexpr.training.model import Trunk
from microexpr.training.parts import train_part
from microexpr.training.store import open_features


def run(
    config: Config,
    features: Sequence[Path],
    output: Path,
    *,
    folds_path: Path,
    method: str,
    n: int,
    part: int = 0,
    device: str = "cpu",
) -> None:
    """Train and test the folds of a part, under every reading and seed.

    Parameters
    ----------
    config : Config
        Sections ``windows``, ``features`` and ``train``, and ``protocol.clip_decision``.
    features : sequence of Path
        Caches of kind features: all shards of the method.
    output : Path
        Predictions (CSV). The log of the epochs is written beside it as ``.epochs.csv``, and
        finished folds are kept in ``.progress/`` until all are finished.
    folds_path : Path
        ``folds.csv``.
    method : str
        Name of the arm.
    n : int
        Frames a window.
    part : int
        Of ``train.parts``: this one trains folds part, part + parts, ...
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError, CacheError, ProtocolError, DataError
        When the part does not exist, the features do not fit together, or a fold would leak.
    """
    if not 0 <= part < config.train.parts:
        raise ConfigError(f"train.parts: there is no part {part} of {config.train.parts}")
    progress = output.with_suffix(".progress")
    with open_features(features) as store:
        folds = table.read(folds_path, store.clip_ids)[part :: config.train.parts]
        result = train_part(
            store,
            folds,
            _recipe(config, n),
            method=method,
            protocol=config.protocol.name,
            progress_dir=progress,
            source_sha256=fingerprint(__name__),
            trunk=_trunk(config, device),
            device=device,
        )
    write_csv(output.with_suffix(".epochs.csv"), result.log)
    predictions.write(output, result.predictions)
    shutil.rmtree(progress, ignore_errors=True)


def _recipe(config: Config, n: int) -> Recipe:
    return Recipe(
        labels=tuple(config.data.labels),
        n=n,
        reading=config.train.readings[0],
        seed=config.train.seeds[0],
        windows=config.windows,
        train=config.train,
        clip_decision=config.protocol.clip_decision,
    )


def _trunk(config: Config, device: str) -> Trunk | None:
    settings = config.features
    weights = settings.weights
    network = backbones.build(
        settings.backbone,
        weights_path=weights and weights.path,
        weights_sha256=weights and weights.sha256,
    )
    return Trunk(network, settings.cut).to(device) if settings.cut < network.n_blocks else None
