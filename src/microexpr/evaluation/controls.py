"""Controls that need no training: what answers without looking at a face.

The poster's ablations (41.9 %, 37.9 %) lie at or below the majority class of the data set; no
accuracy means anything without that line beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats.qmc import LatinHypercube

Ints = NDArray[np.int64]
NEVER = ""  # the fold of a clip that is trained on and never tested (holdout)


def training_counts(labels: Ints, folds: Sequence[str], *, classes: int) -> dict[str, Ints]:
    """Count the classes of each fold's training clips: all clips that the fold does not test.

    Parameters
    ----------
    labels : (M,) int
        Class of every clip of the data set.
    folds : sequence of M str
        The fold that tests each clip; empty where none does.
    classes : int
        K.

    Returns
    -------
    dict of str to (K,) int
        In the order of the folds' first clips.
    """
    names = np.asarray(folds, dtype=object)
    return {
        name: np.bincount(labels[names != name], minlength=classes)
        for name in dict.fromkeys(folds)
        if name != NEVER
    }


def majority(labels: Ints, *, classes: int) -> Ints:
    """Answer the commonest class of the tested clips: the accuracy that costs nothing.

    It knows the test labels, so no honest system is bound to reach it. Ties go to the first
    class. `labels` is (C,); the result is (1, C), one repeat, as `intervals.count` takes.
    """
    commonest = np.bincount(labels, minlength=classes).argmax()
    return np.full((1, len(labels)), commonest, dtype=np.int64)


def majority_of_training(folds: Sequence[str], counts: dict[str, Ints]) -> Ints:
    """Answer the commonest class of the training clips of each clip's fold: (1, C) int.

    The honest majority line. Leaving clips out can turn the majority around, so it may lie below
    `majority`.
    """
    return np.array([[counts[fold].argmax() for fold in folds]], dtype=np.int64)


def stratified_random(
    folds: Sequence[str], counts: dict[str, Ints], *, draws: int, seed: int
) -> Ints:
    """Answer at random, with the class frequencies of the fold's training clips.

    Parameters
    ----------
    folds : sequence of C str
        The fold of each tested clip.
    counts : dict of str to (K,) int
        From `training_counts`.
    draws : int
        Repeats, a Latin hypercube: over all of them each clip gets each class as often as expected,
        so that the mean accuracy is the expected one (to 1 / draws) and not an estimate.
    seed : int
        Of the draws.

    Returns
    -------
    (draws, C) int
    """
    shares = np.array([counts[fold] / counts[fold].sum() for fold in folds])
    rng = np.random.default_rng(seed)
    uniform = LatinHypercube(len(folds), rng=rng).random(draws)[:, :, None]
    # The last edge is 1 up to rounding; leaving it out keeps every answer a class.
    return (uniform >= shares.cumsum(axis=1)[None, :, :-1]).sum(axis=2, dtype=np.int64)
