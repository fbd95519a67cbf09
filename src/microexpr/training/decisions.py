"""From the windows of a clip to one answer for the clip."""

from __future__ import annotations

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (W, K) of logits (W, K), float64."""
    shifted = np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64)
    return shifted / shifted.sum(1, keepdims=True)


def decide(logits: np.ndarray, last_frames: np.ndarray, decision: str) -> tuple[np.ndarray, int]:
    """Answer for one clip.

    Parameters
    ----------
    logits : ndarray, shape (W, K)
        Of the clip's windows; of the clip as one sequence (W = 1) with ``whole_clip``.
    last_frames : ndarray, shape (W,), int
        Frame on which each window ends.
    decision : {"mean_softmax", "majority", "whole_clip", "last_window"}
        ``mean_softmax``: mean of the windows' probabilities. ``majority``: share of the windows
        that vote for a class; equal shares are settled by the mean of the probabilities.
        ``last_window``: the window that ends last, the densest of several.

    Returns
    -------
    probabilities : ndarray, shape (K,), float64
        They sum to 1.
    predicted : int
        Class.
    """
    p = softmax(logits)
    mean = p.mean(0)
    if decision == "majority":
        votes = np.bincount(p.argmax(1), minlength=p.shape[1])
        return votes / len(p), int(np.lexsort((mean, votes))[-1])
    if decision == "last_window":
        mean = p[last_frames.argmax()]
    return mean, int(mean.argmax())
