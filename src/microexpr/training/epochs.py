"""How many epochs: chosen on subjects of the training part, never on the test clips.

Public code of this field often keeps the epoch that is best on the test subject, which adds 1 to
14 points of macro-F1 (Varanka et al., IEEE TAC 15(1), 2024, doi:10.1109/TAFFC.2023.3265063).
"""

from __future__ import annotations

from microexpr.protocol.folds import Fold, check_inner
from microexpr.protocol.selection import quality
from microexpr.training.learning import Material, learning
from microexpr.training.recipe import Recipe
from microexpr.training.targets import class_indices


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
