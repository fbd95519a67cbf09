"""Run one system over all folds; a killed run resumes fold by fold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from microexpr.baselines.base import System
from microexpr.protocol import Fold, check_folds, predictions
from microexpr.protocol.predictions import Examples
from microexpr.runtime import resume
from microexpr.runtime.progress import track

FEATURE_MODE = "raw"  # of all systems, in their predictions


def run_folds(
    system: System,
    examples: Examples,
    folds: Sequence[Fold],
    *,
    seeds: Sequence[int],
    protocol: str,
    progress_dir: Path,
    source_sha256: str = "",
) -> pd.DataFrame:
    """Train a system and predict with it, fold by fold and seed by seed.

    Finished folds are kept in `progress_dir`; code of another fingerprint `source_sha256` runs
    again. ProtocolError: a fold leaks. CacheError: a kept file is damaged.
    """
    check_folds(folds, examples.clip_ids, examples.subjects, protocol=protocol)
    origin: dict[str, Any] = {"system": system.name, "settings": system.settings()}
    origin |= {"digest": examples.digest, "source_sha256": source_sha256}
    about: dict[str, Any] = {"method": system.name, "feature_mode": FEATURE_MODE}
    about |= {"n": system.frames}
    runs = [(seed, fold) for seed in seeds for fold in folds]
    rows: list[dict[str, Any]] = []
    for seed, fold in track(runs, f"compare {system.name}"):
        follows = origin | {"seed": seed} | fold.plain(examples.clip_ids, examples.labels)
        found = resume.read(progress_dir, follows)
        if found is None:
            predicted = system.predict(examples, fold, seed=seed)
            found = resume.keep(progress_dir, follows, predicted.plain())
        run = about | {"seed": seed, "protocol": protocol}
        rows += predictions.rows(examples, fold, found, classes=system.labels, **run)
    return pd.DataFrame(rows)
