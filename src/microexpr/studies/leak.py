"""One leak made on purpose: windows of one clip on both sides, beside splits that keep clips whole.

The 2020 code of the poster's authors does so within its training folds, 80/20. By how much that
inflates the accuracy is measured here, with the same training. No other module splits windows.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from microexpr.protocol import Fold, predictions
from microexpr.protocol.predictions import BEST_EPOCH, BestOnTest, class_numbers
from microexpr.protocol.splits import make_folds
from microexpr.runtime import resume
from microexpr.runtime.files import AnyPath
from microexpr.runtime.progress import track
from microexpr.training.chunks import origin_of
from microexpr.training.feature_modes import FineTunedBlocks, pooled_sums
from microexpr.training.fold import TrainingInputs, fold_training
from microexpr.training.store import FeatureStore
from microexpr.training.windows import Recipe

WINDOWS, CLIPS, SUBJECTS = "windows", "clips", "subjects"
DECISION = "mean_softmax"  # a whole clip cannot be divided
COLUMNS = ["split", "seed", "fold", "clip_id", "subject", "label", "n_windows", "predicted"]
Predicted = dict[str, list[Any]]  # of one split, see `ClipPredictions.plain`


def train_leaking(
    store: FeatureStore,
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    test_share: float,
    folds: int,
    seed: int,
    progress_dir: AnyPath,
    source_sha256: str = "",
    fine_tuned: FineTunedBlocks | None = None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Predict every clip under splits of windows, of clips and of subjects.

    In each fold of clips, `test_share` of the training clips' windows are held out: the model
    predicts these (windows) and the clips that the fold tests (clips). In each fold of subjects,
    the model is trained on the same share of the windows and predicts the clips of the subject;
    best_epoch_on_test are the same predictions after the epoch that suits these clips best.
    Under windows, a clip is predicted in every fold that trains on it.

    `folds` and `seed` are those of the folds of clips; the clip decision is mean_softmax. Return
    one row per prediction, with the columns `COLUMNS`; errors as :func:`.chunks.train_chunk`.
    """
    clips = [store.clip_ids, store.subjects, store.labels]
    tried = {
        split: make_folds(*clips, name=name, classes=recipe.labels, folds=folds, seed=seed)
        for split, name in ((CLIPS, "clip_kfold"), (SUBJECTS, "loso"))
    }
    origin: dict[str, Any] = dict(origin_of(store, fine_tuned, device, source_sha256))
    origin |= {"test_share": test_share, "folds_seed": seed}
    pooled = None
    rows: list[dict[str, Any]] = []
    runs = [(s, split, f) for s in seeds for split, fs in tried.items() for f in fs]
    for number, split, fold in track(runs, f"leak N={recipe.n}"):
        run = replace(recipe, seed=number, clip_decision=DECISION, choose_epoch=None)
        follows = run.plain() | fold.plain(store.clip_ids, store.labels) | origin
        follows |= {"split": split}
        done = resume.read(progress_dir, follows)
        if done is None:
            pooled = pooled_sums(store, fine_tuned, device) if pooled is None else pooled
            inputs = TrainingInputs(store, pooled, run.window_table(store), fine_tuned, device)
            draw = np.random.default_rng([seed, number, *fold.name.encode()])
            kept = draw.random(len(inputs.windows.rows)) >= test_share
            done = resume.keep(progress_dir, follows, _predict(inputs, fold, run, split, kept))
        for name, found in done.items():
            tested = replace(fold, test=fold.train) if name == WINDOWS else fold
            about = {"split": name, "seed": number}
            rows += predictions.rows(store, tested, found, classes=recipe.labels, **about)
    return pd.DataFrame([row for row in rows if row["n_windows"]])[COLUMNS]


def _predict(
    inputs: TrainingInputs, fold: Fold, recipe: Recipe, split: str, kept: np.ndarray
) -> dict[str, Predicted]:
    """Train on the windows of training clips that are kept, (W,) bool; predict the others."""
    tested = {split: (inputs.windows, fold.test)}
    if split == CLIPS:
        tested[WINDOWS] = inputs.windows.only(~kept), fold.train
    found = {}
    less = replace(inputs, windows=inputs.windows.only(kept))
    with fold_training(less, fold, recipe) as training:
        seen = BestOnTest(class_numbers(inputs.store, recipe.labels)[list(fold.test)])
        for _ in training.epochs:
            if split == SUBJECTS:
                seen.see(training.predict(inputs.windows, fold.test))
        for name, (windows, clips) in tested.items():
            found[name] = training.predict(windows, clips).plain()
    if seen.best:
        found[BEST_EPOCH] = seen.best.plain()
    return found
