"""One leak made on purpose: windows of one clip on both sides, beside splits that keep clips whole.

The 2020 code of the poster's authors splits the windows of its training folds 80/20 to watch its
training: overlapping windows of one clip lie on both sides. What such a split feigns is measured
here, on the same clips and with the same training as under ``clip_kfold`` (a clip is on one side,
its subject on both) and ``loso`` (a subject is on one side). No other module splits windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from microexpr.progress import track
from microexpr.protocol.splits import make_folds
from microexpr.training.learning import Material, learning
from microexpr.training.model import Trunk
from microexpr.training.readings import pooled_features
from microexpr.training.recipe import Recipe
from microexpr.training.store import FeatureStore
from microexpr.training.trained import Answers

WINDOWS, CLIPS, SUBJECTS = "windows", "clips", "subjects"
SPLITS = {WINDOWS: "a clip on both sides", CLIPS: "clip_kfold", SUBJECTS: "loso"}
DECISION = "mean_softmax"  # a whole clip cannot be divided


def train_leaking(
    store: FeatureStore,
    recipe: Recipe,
    *,
    test_share: float,
    folds: int,
    seed: int,
    trunk: Trunk | None = None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Answer for every clip under each of `SPLITS`.

    In each fold of clips, `test_share` of the training clips' windows are held out: the model
    answers for them (windows) and for the clips that the fold tests (clips). In each fold of
    subjects, the model is trained on the same share of the windows and answers for the subject.

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
    trunk : Trunk, optional
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
    MicroexprError
        As :func:`microexpr.training.learning.learning`.
    """
    about = [store.clip_ids, store.subjects, store.labels]
    by_clip, by_subject = (
        make_folds(*about, name=name, classes=recipe.labels, folds=folds, seed=seed)
        for name in ("clip_kfold", "loso")
    )
    pooled = pooled_features(store, trunk, device)
    rows: list[dict[str, Any]] = []
    runs = [(s, fold) for s in recipe.train.seeds for fold in (*by_clip, *by_subject)]
    for number, fold in track(runs, f"leak N={recipe.n}"):
        settings = Recipe(**(vars(recipe) | {"seed": number, "choose_epoch": None}))
        table = settings.window_table(store)
        draw = np.random.default_rng([seed, number, *fold.name.encode()])
        kept, held_out = table.divided(draw.random(len(table.rows)) >= test_share)
        material = Material(store, pooled, kept, trunk, device)
        with learning(material, fold, settings) as learner:
            for _ in learner.epochs:
                pass
            split = SUBJECTS if fold in by_subject else CLIPS
            tested = {split: (table, fold.test)}
            if split == CLIPS:
                tested[WINDOWS] = held_out, fold.train
            for name, (windows, clips) in tested.items():
                answers = learner.answer(windows, clips, DECISION)
                columns = {"split": name, "seed": number, "fold": fold.name}
                rows += [columns | row for row in _rows(store, clips, answers, recipe)]
    return pd.DataFrame(rows)


def _rows(
    store: FeatureStore, clips: tuple[int, ...], answers: Answers, recipe: Recipe
) -> Iterator[dict[str, Any]]:
    """Rows of the clips that have a window."""
    for clip, predicted, count in zip(clips, answers.predicted, answers.n_windows, strict=True):
        if count:
            yield {
                "clip_id": store.clip_ids[clip],
                "subject": store.subjects[clip],
                "label": store.labels[clip],
                "n_windows": int(count),
                "predicted": recipe.labels[predicted],
            }
