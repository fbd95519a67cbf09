"""What is better on inner folds: one rule for N, alpha and the epoch."""

from __future__ import annotations

import numpy as np

LEAST = 1e-6  # probabilities below count as this: a share of votes may be 0


def quality(
    truth: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray
) -> tuple[float, float]:
    """Rate answers for the clips of inner folds: the larger, the better.

    Parameters
    ----------
    truth, predicted : ndarray, shape (clips,), int64
        Classes; -1 in `predicted` where there is no answer.
    probabilities : ndarray, shape (clips, K)
        NaN where there is no answer.

    Returns
    -------
    accuracy, mean log-likelihood : float
        The second one decides between equal accuracies, which few clips often give.
    """
    own = probabilities[np.arange(len(truth)), truth]
    likely = np.log(np.clip(np.nan_to_num(own), LEAST, 1))
    return float(np.mean(truth == predicted)), float(likely.mean())
