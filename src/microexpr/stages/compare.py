"""Stage compare: one of the compared systems over all folds."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from microexpr import baselines
from microexpr.baselines.folds import run_folds
from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.fingerprints.code import Code
from microexpr.protocol import predictions, read_folds


def run(
    config: Config,
    caches: Sequence[Path],
    output: Path,
    *,
    manifest_path: Path,
    folds_path: Path,
    system: str,
    device: str = "cpu",
) -> None:
    """Let a system learn from each fold's training clips and answer for its test clips.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``train``, ``protocol`` and ``compare``; for vggface2_bilstm all that
        stage train reads as well.
    caches : sequence of Path
        All shards, of kind faces; for vggface2_bilstm of kind features, method none.
    output : Path
        Predictions (CSV). Descriptors and finished folds are kept in ``.progress/`` until all are
        finished.
    manifest_path : Path
        ``manifest.csv``: subjects and labels.
    folds_path : Path
        ``folds.csv``.
    system : str
        One of ``compare.systems``.
    device : str
        ``cpu`` or ``cuda``, for networks.

    Raises
    ------
    CacheError, ProtocolError, DataError, ConfigError
        When the caches do not fit together or a clip cannot be used, or a fold would leak.
    """
    progress = output.with_suffix(".progress")
    compared = baselines.build(system, config, device)
    examples = compared.examples(caches, manifest.read(manifest_path), progress)
    frame = run_folds(
        compared,
        examples,
        read_folds(folds_path, examples.clip_ids),
        seeds=config.compare.seeds,
        protocol=config.protocol.name,
        progress_dir=progress,
        source_sha256=Code("compare", system=system).accepted,
    )
    predictions.write(output, frame)
    shutil.rmtree(progress, ignore_errors=True)
