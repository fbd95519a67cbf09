"""Training one fold: windows drawn from cached frames, one answer a test clip.

Everything that is learned or measured comes from the training clips: weights, standardisation and
class weights. The last epoch is the one that is tested, or one chosen on inner folds: none is
chosen on test clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from microexpr.errors import ProtocolError
from microexpr.protocol import Fold, check_inner
from microexpr.protocol.predictions import quality
from microexpr.training.feature_modes import PooledSums, pooled_features
from microexpr.training.fitting import Epoch
from microexpr.training.learning import Material, class_indices, learning
from microexpr.training.model import FineTunedBlocks
from microexpr.training.store import FeatureStore
from microexpr.training.trained import Answers, TrainedModel
from microexpr.training.windows import Recipe


def best_epoch(material: Material, fold: Fold, recipe: Recipe) -> int:
    """Choose the number of epochs for a fold: the best on its first inner fold.

    Training on the inner training clips is watched: after each epoch, the clips of the inner test
    subjects are answered. All of ``train.epochs`` are tried, under one schedule of the rates; of
    equally good epochs the first counts.

    Parameters
    ----------
    material : Material
        Features of all clips; those that the fold tests are not looked at.
    fold : Fold
        The outer fold.
    recipe : Recipe
        Settings; ``choose_epoch`` says how the training part is split.

    Returns
    -------
    int
        From 1 to ``train.epochs``.

    Raises
    ------
    ProtocolError
        When the training part cannot be split so, or a clip from outside it would be seen.
    """
    # Most trainings choose nothing, and scikit-learn takes longer to import than a fold to train.
    from microexpr.protocol.splits import inner_folds  # noqa: PLC0415

    store = material.store
    inner, *_ = inner_folds(
        fold,
        store.clip_ids,
        store.subjects,
        store.labels,
        classes=recipe.labels,
        folds=recipe.choose_epoch.folds,
        seed=recipe.choose_epoch.seed,
    )
    check_inner([inner], fold)
    table = recipe.window_table(store)
    truth = class_indices(store, recipe.labels)[list(inner.test)]
    scores = []
    with learning(material, inner, recipe) as learner:
        for _ in learner.epochs:
            answers = learner.answer(table, inner.test, recipe.clip_decision)
            scores.append(quality(truth, answers.predicted, answers.probabilities))
    return scores.index(max(scores)) + 1


@dataclass(frozen=True)
class FoldResult:
    """Answers for ``fold.test``, in its order; one log entry an epoch; what was learned."""

    answers: Answers
    log: tuple[Epoch, ...]
    model: TrainedModel


def train_fold(
    store: FeatureStore,
    fold: Fold,
    recipe: Recipe,
    *,
    fine_tuned: FineTunedBlocks | None = None,
    pooled: PooledSums | None = None,
    device: str = "cpu",
) -> FoldResult:
    """Train on a fold's training clips and answer for its test clips.

    The caller sets the number of threads. torch's global generator is seeded inside and restored
    afterwards; on one machine's CPU a repeated run gives the same bits. With ``windows.short``
    drop, clips without a window are not trained on, and get no answer where they are tested. With
    ``recipe.choose_epoch`` the number of epochs, and of log entries, is that chosen.

    Parameters
    ----------
    store : FeatureStore
        Features of all clips.
    fold : Fold
        Clip indices to train on and to test.
    recipe : Recipe
        Settings.
    fine-tuned blocks : Trunk, optional
        Untrained blocks above the cut, on `device`; copied. Without it the store must hold pooled
        features.
    pooled : PooledSums, optional
        ``pooled_features(store, fine-tuned blocks)`` where it is known already: it is the same for all folds.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ProtocolError
        When a clip is in both parts of the fold, or the training part cannot be split to choose
        the epoch.
    DataError
        When a label is unknown or no training clip holds a window.
    ConfigError
        When the store holds maps and `fine-tuned blocks` is not given, or the loss is no longer finite.
    """
    if both := set(fold.train) & set(fold.test):
        raise ProtocolError(
            f"fold {fold.name}: clip {store.clip_ids[min(both)]} is in training and in test"
        )
    table = recipe.window_table(store)
    pooled = pooled_features(store, fine_tuned, device) if pooled is None else pooled
    material = Material(store, pooled, table, fine_tuned, device)
    count = best_epoch(material, fold, recipe) if recipe.choose_epoch else recipe.train.epochs
    with learning(material, fold, recipe) as learner:
        log = tuple(islice(learner.epochs, count))
        answers = learner.answer(table, fold.test, recipe.clip_decision)
    return FoldResult(answers, log, learner.model)
