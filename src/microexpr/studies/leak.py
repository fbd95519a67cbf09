"""One leak made on purpose: windows of one clip on both sides, beside splits that keep clips whole.

The 2020 code of the poster's authors splits the windows of its training folds 80/20 to watch its
training: overlapping windows of one clip lie on both sides. What such a split feigns is measured
here, on the same clips and with the same training as under ``clip_kfold`` (a clip is on one side,
its subject on both) and ``loso`` (a subject is on one side). No other module splits windows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from microexpr.protocol import Fold
from microexpr.protocol.splits import make_folds
from microexpr.runtime import resume
from microexpr.runtime.progress import track
from microexpr.training.chunks import origin_of
from microexpr.training.feature_modes import pooled_sums
from microexpr.training.fold import TrainingInputs, fold_training
from microexpr.training.model import FineTunedBlocks
from microexpr.training.store import FeatureStore
from microexpr.training.windows import Recipe

WINDOWS, CLIPS, SUBJECTS = "windows", "clips", "subjects"
DECISION = "mean_softmax"  # a whole clip cannot be divided
# Of one split: answered class (-1: none) and number of windows of each clip.
Answered = dict[str, list[int]]


def train_leaking(
    store: FeatureStore,
    recipe: Recipe,
    *,
    test_share: float,
    folds: int,
    seed: int,
    progress_dir: str | os.PathLike[str],
    source_sha256: str = "",
    fine_tuned: FineTunedBlocks | None = None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Answer for every clip under splits of windows, of clips and of subjects.

    In each fold of clips, `test_share` of the training clips' windows are held out: the model
    answers for them (windows) and for the clips that the fold tests (clips). In each fold of
    subjects, the model is trained on the same share of the windows and answers for the subject.
    Each finished fold leaves a file in `progress_dir`, as in
    :func:`microexpr.training.chunks.train_chunk`.

    Parameters
    ----------
    store : FeatureStore
        Features of all clips.
    recipe : Recipe
        Settings; ``train.seeds`` are one run each. The clip decision is mean_softmax.
    test_share : float
        Windows held out.
    folds, seed : int
        Of the folds of clips.
    progress_dir : path-like
        Where finished folds are kept.
    source_sha256 : str
        Fingerprint of the code: other code trains again.
    fine-tuned blocks : Trunk, optional
        Untrained blocks above the cut, on `device`.
    device : str
        ``cpu`` or ``cuda``.

    Returns
    -------
    DataFrame
        split, seed, fold, clip_id, subject, label, n_windows, predicted: one row an answer. Under
        windows, a clip is answered in every fold that trains on it.

    Raises
    ------
    CacheError
        When a file of `progress_dir` is damaged.
    MicroexprError
        As :func:`microexpr.training.fold.fold_training`.
    """
    about = [store.clip_ids, store.subjects, store.labels]
    tried = {
        split: make_folds(*about, name=name, classes=recipe.labels, folds=folds, seed=seed)
        for split, name in ((CLIPS, "clip_kfold"), (SUBJECTS, "loso"))
    }
    origin = origin_of(store, fine_tuned, device, source_sha256)
    origin |= {"test_share": test_share, "split_seed": seed}
    pooled = None
    rows: list[dict[str, Any]] = []
    runs = [(s, split, f) for s in recipe.train.seeds for split, fs in tried.items() for f in fs]
    for number, split, fold in track(runs, f"leak N={recipe.n}"):
        run = replace(recipe, seed=number, clip_decision=DECISION, choose_epoch=None)
        follows = run.plain() | fold.plain(store.clip_ids, store.labels) | origin
        follows |= {"split": split}
        done = resume.read(progress_dir, follows)
        if done is None:
            pooled = pooled_sums(store, fine_tuned, device) if pooled is None else pooled
            material = TrainingInputs(store, pooled, run.window_table(store), fine_tuned, device)
            draw = np.random.default_rng([seed, number, *fold.name.encode()])
            answers = _answers(material, fold, run, split, test_share=test_share, draw=draw)
            done = resume.keep(progress_dir, follows, answers)
        for name, answered in done.items():
            columns = {"split": name, "seed": number, "fold": fold.name}
            clips = fold.train if name == WINDOWS else fold.test
            rows += [columns | row for row in _rows(store, clips, answered, recipe)]
    return pd.DataFrame(rows)


def _answers(
    material: TrainingInputs,
    fold: Fold,
    recipe: Recipe,
    split: str,
    *,
    test_share: float,
    draw: np.random.Generator,
) -> dict[str, Answered]:
    """Train on a share of the training clips' windows, and answer for what is held out."""
    table = material.windows
    trained_on, held_out = table.divided(draw.random(len(table.rows)) >= test_share)
    tested = {split: (table, fold.test)}
    if split == CLIPS:
        tested[WINDOWS] = held_out, fold.train
    found = {}
    with fold_training(replace(material, windows=trained_on), fold, recipe) as learner:
        for _ in learner.epochs:
            pass
        for name, (windows, clips) in tested.items():
            answers = learner.predict(windows, clips, DECISION)
            found[name] = {
                "predicted": answers.predicted.tolist(),
                "n_windows": answers.n_windows.tolist(),
            }
    return found


def _rows(
    store: FeatureStore, clips: tuple[int, ...], answered: Answered, recipe: Recipe
) -> Iterator[dict[str, Any]]:
    """Rows of the clips that have a window."""
    columns = answered["predicted"], answered["n_windows"]
    for clip, predicted, count in zip(clips, *columns, strict=True):
        if count:
            yield {
                "clip_id": store.clip_ids[clip],
                "subject": store.subjects[clip],
                "label": store.labels[clip],
                "n_windows": count,
                "predicted": recipe.labels[predicted],
            }
