"""All folds of a compared system: trained, resumed where they stopped, and tested."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import pandas as pd

from microexpr.baselines.base import System
from microexpr.protocol import Fold, check_folds, predictions
from microexpr.protocol.predictions import BEST_EPOCH, BestOnTest, Examples, class_numbers
from microexpr.runtime import resume
from microexpr.runtime.progress import track

FEATURE_MODE = "raw"  # of all systems, in their predictions


class Outcome(NamedTuple):
    """Predictions after the last epoch; and, never to be scored, of the best epoch on the test."""

    predictions: pd.DataFrame
    best_epoch_on_test: pd.DataFrame  # method: the name, with ``_best_epoch_on_test``


def run_folds(
    system: System,
    examples: Examples,
    folds: Sequence[Fold],
    *,
    seeds: Sequence[int],
    protocol: str,
    progress_dir: Path,
    source_sha256: str = "",
    threads: int = 1,
) -> Outcome:
    """Train a system and predict with it, fold by fold and seed by seed.

    Finished folds are kept in `progress_dir`, by the fingerprint `source_sha256` of the code. Where
    a system trains several folds together, `threads` such groups are trained at a time.
    """
    check_folds(folds, examples.clip_ids, examples.subjects, protocol=protocol)
    origin: dict[str, Any] = {"system": system.name, "settings": system.settings()}
    origin |= {"digest": examples.digest, "source_sha256": source_sha256}
    classes = class_numbers(examples, system.labels)
    size, stopped = system.together, Event()
    groups = [(seed, folds[i : i + size]) for seed in seeds for i in range(0, len(folds), size)]

    def found_in(group: tuple[int, Sequence[Fold]]) -> list[dict[str, Any]]:
        seed, together = group
        plain = [fold.plain(examples.clip_ids, examples.labels) for fold in together]
        follows = [origin | {"seed": seed} | fold for fold in plain]
        found = [resume.read(progress_dir, about) for about in follows]
        if all(found):
            return found
        seen = [BestOnTest(classes[list(fold.test)]) for fold in together]
        for epoch in system.each_epoch(examples, together, seed=seed):
            if stopped.is_set():
                raise InterruptedError
            for tested, predicted in zip(seen, epoch, strict=True):
                tested.see(predicted)
        kept = []
        for about, tested in zip(follows, seen, strict=True):
            assert tested.last and tested.best
            both = {"last": tested.last.plain(), "best": tested.best.plain()}
            kept.append(resume.keep(progress_dir, about, both))
        return kept

    tables: dict[str, list[dict[str, Any]]] = {"last": [], "best": []}
    names = {"last": system.name, "best": f"{system.name}_{BEST_EPOCH}"}
    pool = ThreadPoolExecutor(threads) if min(size, threads) > 1 else None
    try:
        results = iter((pool.map if pool else map)(found_in, groups))
        for seed, together in track(groups, f"compare {system.name}"):
            about: dict[str, Any] = {"feature_mode": FEATURE_MODE, "n": system.frames}
            about |= {"classes": system.labels, "seed": seed, "protocol": protocol}
            for fold, both in zip(together, next(results), strict=True):
                for which, name in names.items():
                    run = about | {"method": name}
                    tables[which] += predictions.rows(examples, fold, both[which], **run)
    finally:
        stopped.set()
        if pool:
            pool.shutdown(cancel_futures=True)
    return Outcome(pd.DataFrame(tables["last"]), pd.DataFrame(tables["best"]))
