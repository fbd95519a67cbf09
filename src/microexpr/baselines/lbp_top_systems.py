"""Systems that describe a clip by LBP-TOP histograms: EVM + TIM, and hierarchical LBP-TOP."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import KernelCenterer, StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from microexpr.baselines.base import (
    Classifier,
    DescribingSystem,
    Description,
    FaceClip,
    Floats,
    TrainingClips,
)
from microexpr.baselines.flow_svm import SVMSystem
from microexpr.baselines.lbp_top import LABELS, block_counts, coarser, histograms, resample
from microexpr.magnify import amm

FRAMES = 10
RECIPE: dict[str, Any] = {"alpha": 8.0, "lambda_c_px": 16.0, "temporal_filter": "iir", "order": 1}
COEFFICIENTS = (0.05, 0.4)  # r of y[t] = (1 - r) y[t - 1] + r x[t]
GRID = (2, 8, 8)  # blocks in time, height, width


class EVMTIM(SVMSystem):
    """EVM + TIM: magnified faces, 10 interpolated frames, LBP-TOP in blocks, linear SVM.

    The best documented system of this kind; the poster's row is, to all appearance, Peng, Hong, Xu
    and Zhao, FG 2019, arXiv:1901.07765. Specified, by the recipe that the authors of ELBPTOP (Guo
    et al., 2020) print: second-order IIR band-pass at 0.05 and 0.4, lambda_c 16, alpha 8; 10
    frames; 8x8 blocks in the face and 2 in time; LBP-TOP; linear SVM. Inferred: 0.05 and 0.4 are
    coefficients r of first-order low-passes, as in the code of Wu et al. (2012), hence cut-offs at
    ``-ln(1 - r) fps / (2 pi)``; our causal Butterworth of first order stands for their difference;
    P = 8, R = 1, uniform patterns; descriptors divided by the training clips' standard deviation, C
    = 1.
    """

    name = "evm_tim"
    frames = FRAMES
    machine: ClassVar = {"kernel": "linear"}

    def describe(self, clip: FaceClip) -> Description:
        """Return the block histograms, (2 * 8 * 8 * 3 * 59,)."""
        grey = torch.from_numpy(clip.grey()).float() / 255
        magnified = amm(grey, fps=clip.fps, passband_hz=passband_hz(clip.fps), **RECIPE)
        counts = block_counts(resample(magnified.numpy(), FRAMES), GRID)
        return Description(histograms(counts).ravel())

    def scaling(self, values: Floats) -> Callable[[Floats], NDArray[Any]]:
        """Standardise each value."""
        return StandardScaler().fit(values).transform


def passband_hz(fps: float) -> tuple[float, float]:
    """Return the cut-offs of the recipe's low-passes at a frame rate."""
    low, high = (-np.log1p(-r) * fps / (2 * np.pi) for r in COEFFICIENTS)
    return float(low), float(high)


Doubles = NDArray[np.float64]
GRIDS = (8, 4, 2, 1)
PENALTY = 1.0
TOLERANCE = 1e-4  # relative fall of the objective below which the alternation ends


@dataclass(frozen=True)
class GroupLasso:
    """A fitted model: weights of the blocks, and a regression with the weighted kernel."""

    weights: Doubles  # (B,), which sum to 1
    dual: Doubles  # (clips, K)
    objectives: tuple[float, ...]  # after each ridge step; they never rise

    def scores(self, kernels: Doubles) -> Doubles:
        """Return scores (tests, K) from kernels (B, tests, training clips)."""
        return np.tensordot(self.weights, kernels, axes=1) @ self.dual


def fit_group_lasso(
    kernels: Doubles,
    targets: Doubles,
    *,
    alpha: float,
    sample_weight: Doubles | None = None,
    iterations: int = 50,
) -> GroupLasso:
    """Fit weights and regression to the scores `targets`, (clips, K), with a penalty `alpha`.

    `kernels`, (B, clips, clips), are those of training clips, one for each block. It minimises
    ``||Y - f||^2 + alpha (sum_b ||f_b||)^2`` over functions ``f = sum_b f_b``, one of each block's
    kernel, with errors weighed by `sample_weight`, (clips,). The square of a sum of norms is the
    least ``sum_b ||f_b||^2 / w_b`` over weights w >= 0 that sum to 1, so that two steps alternate
    and neither raises the objective: ridge regression with the kernel ``sum_b w_b K_b``, and
    ``w_b`` in proportion to ``||f_b||`` (Xu et al., ICML 2010). Blocks that do not help go to 0.
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
        if not norms.any():  # no kernel distinguishes the clips
            break
        weights = norms / norms.sum()
    return GroupLasso(weights, dual, tuple(objectives))


class HierarchicalLBPTOP(DescribingSystem):
    """LBP-TOP in grids of several sizes, whose blocks are weighted in training.

    In the spirit of Zong, Huang, Zheng, Cui and Zhao, IEEE Transactions on Multimedia 20(11), 2018.
    Specified: descriptors of the blocks of four grids, and a kernelised group sparse regression on
    the classes that weighs the blocks. Inferred: LBP-TOP (P = 8, R = 1, uniform) instead of
    STLBP-IP; all frames, one block in time; the kernel is the scalar product of square roots of
    histograms (Hellinger), centred, with a mean diagonal of 1 over the training clips; penalty 1,
    fixed in advance.
    """

    name = "hierarchical_lbp_top"
    frames = 0

    def describe(self, clip: FaceClip) -> Description:
        """Return the histograms of all blocks, (85, 177), finest grid first."""
        counts = block_counts(clip.grey(), (1, GRIDS[0], GRIDS[0]))
        levels = [counts]
        for _ in GRIDS[1:]:
            levels.append(coarser(levels[-1]))
        blocks = [histograms(level).reshape(-1, 3 * LABELS) for level in levels]
        return Description(np.concatenate(blocks))

    def train(self, training: TrainingClips) -> Classifier:
        """Fit block weights and regression; shares are the soft-max of its scores."""
        roots = _roots(training.values)
        kernels = [Kernel(block) for block in roots]
        balanced = (
            compute_sample_weight("balanced", training.classes) if self.class_weights else None
        )
        targets = np.eye(training.n_classes)[training.classes]
        model = fit_group_lasso(
            np.stack([kernel.of_training for kernel in kernels]),
            targets - targets.mean(axis=0),
            alpha=PENALTY,
            sample_weight=balanced,
        )

        def shares(values: Floats) -> NDArray[np.float64]:
            tests = zip(kernels, _roots(values), strict=True)
            scores = model.scores(np.stack([kernel(block) for kernel, block in tests]))
            return softmax(scores + targets.mean(axis=0), axis=1)

        return shares


def _roots(values: Floats) -> NDArray[np.float64]:
    """Convert histograms (clips, blocks, bins) to square roots (blocks, clips, bins)."""
    return np.sqrt(values.transpose(1, 0, 2), dtype=np.float64)


class Kernel:
    """The scalar product in one block, centred and scaled by training clips (clips, bins)."""

    def __init__(self, training: NDArray[np.float64]) -> None:
        self._training = training
        products = training @ training.T
        self._centre = KernelCenterer().fit(products)
        centred = self._centre.transform(products)
        # A block that never changes has a kernel of zeros, and stays at zero.
        self._scale = max(float(np.trace(centred)) / len(training), np.finfo(float).eps)
        self.of_training = centred / self._scale

    def __call__(self, clips: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the kernel of clips (clips, bins) with the training clips."""
        return self._centre.transform(clips @ self._training.T) / self._scale
