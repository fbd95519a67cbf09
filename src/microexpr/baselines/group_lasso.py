"""Group lasso in kernels: which blocks of a face matter, learned with the classifier.

Minimises ``||Y - f||^2 + alpha (sum_b ||f_b||)^2`` over functions ``f = sum_b f_b``, one of each
block's kernel. The square of a sum of norms is the least ``sum_b ||f_b||^2 / w_b`` over weights
w >= 0 that sum to 1, so that two steps alternate, and neither raises the objective: ridge
regression with the kernel ``sum_b w_b K_b``, and ``w_b`` in proportion to ``||f_b||`` (Xu et al.,
ICML 2010). Blocks that do not help go to 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

Floats = NDArray[np.float64]
TOLERANCE = 1e-4  # relative fall of the objective below which the alternation ends


@dataclass(frozen=True)
class GroupLasso:
    """A fitted model.

    Parameters
    ----------
    weights : ndarray, shape (B,), float64
        Of the blocks; they sum to 1.
    dual : ndarray, shape (clips, K), float64
        Of the kernel ridge regression with the weighted kernel.
    objectives : tuple of float
        After each ridge step; never rising.
    """

    weights: Floats
    dual: Floats
    objectives: tuple[float, ...]

    def scores(self, kernels: Floats) -> Floats:
        """Give scores (tests, K) from kernels (B, tests, training clips)."""
        return np.tensordot(self.weights, kernels, axes=1) @ self.dual


def fit(
    kernels: Floats,
    targets: Floats,
    *,
    alpha: float,
    sample_weight: Floats | None = None,
    iterations: int = 50,
) -> GroupLasso:
    """Fit weights and regression.

    Parameters
    ----------
    kernels : ndarray, shape (B, clips, clips)
        One for each block, of training clips.
    targets : ndarray, shape (clips, K)
        What the scores should be.
    alpha : float
        Strength of the penalty.
    sample_weight : ndarray, shape (clips,), optional
        Weights of the clips' squared errors.
    iterations : int
        Alternations at most.
    """
    weights = np.full(len(kernels), 1 / len(kernels))
    importance = np.ones(len(targets)) if sample_weight is None else sample_weight
    objectives: list[float] = []
    for _ in range(iterations):
        kernel = np.tensordot(weights, kernels, axes=1)
        ridge = KernelRidge(alpha=alpha, kernel="precomputed")
        dual = ridge.fit(kernel, targets, sample_weight=sample_weight).dual_coef_
        lost = importance @ ((targets - kernel @ dual) ** 2).sum(axis=1)
        objectives.append(float(lost + alpha * np.sum(dual * (kernel @ dual))))
        if len(objectives) > 1 and objectives[-2] - objectives[-1] < TOLERANCE * objectives[-1]:
            break
        squares = np.einsum("ik,bij,jk->b", dual, kernels, dual, optimize=True)
        norms = weights * np.sqrt(np.maximum(squares, 0))
        if not norms.any():  # no kernel tells the clips apart
            break
        weights = norms / norms.sum()
    return GroupLasso(weights, dual, tuple(objectives))
