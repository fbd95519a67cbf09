"""Hierarchical spatio-temporal descriptors: grids of several sizes, block weights learned.

In the spirit of Zong, Huang, Zheng, Cui and Zhao, "Learning from hierarchical spatiotemporal
descriptors for micro-expression recognition", IEEE Transactions on Multimedia 20(11), 2018.

Published: 60.78 % on SMIC, leave one subject out, as ELBPTOP (Guo et al., 2020, Table VII) gives
it. The poster prints 55.49 % for a "hierarchical scheme", which is the figure of the row above it.

Specified: descriptors of the blocks of four grids (1x1, 2x2, 4x4, 8x8), and a kernelised group
sparse regression on the classes that weighs the blocks.

Inferred: LBP-TOP (P = 8, R = 1, uniform) instead of STLBP-IP; all frames, one block in time; the
kernel is the scalar product of square roots of histograms (Hellinger), centred, with a mean
diagonal of 1 over the training clips; strength of the penalty 1, fixed in advance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.preprocessing import KernelCenterer
from sklearn.utils.class_weight import compute_sample_weight

from microexpr.baselines import group_lasso
from microexpr.baselines.base import FaceClip
from microexpr.baselines.describing import DescribingSystem, Description, Lesson
from microexpr.baselines.lbp_top import LABELS, block_counts, coarser, histograms

GRIDS = (8, 4, 2, 1)
ALPHA = 1.0

Floats = NDArray[np.float32]


class HierarchicalLBPTOP(DescribingSystem):
    """LBP-TOP of 85 blocks, weighted by group lasso."""

    name = "hierarchical_lbp_top"
    frames = 0

    def describe(self, clip: FaceClip) -> Description:
        """Give the histograms of all blocks, (85, 177), finest grid first."""
        counts = block_counts(clip.grey(), (1, GRIDS[0], GRIDS[0]))
        levels = [counts]
        for _ in GRIDS[1:]:
            levels.append(coarser(levels[-1]))
        blocks = [histograms(level).reshape(-1, 3 * LABELS) for level in levels]
        return Description(np.concatenate(blocks))

    def learn(self, lesson: Lesson) -> Callable[[Floats], NDArray[np.float64]]:
        """Learn block weights and regression; shares are the soft-max of its scores."""
        roots = _roots(lesson.values)
        kernels = [Kernel(block) for block in roots]
        balanced = compute_sample_weight("balanced", lesson.classes) if self.class_weights else None
        targets = np.eye(lesson.n_classes)[lesson.classes]
        model = group_lasso.fit(
            np.stack([kernel.of_training for kernel in kernels]),
            targets - targets.mean(axis=0),
            alpha=ALPHA,
            sample_weight=balanced,
        )

        def shares(values: Floats) -> NDArray[np.float64]:
            tests = zip(kernels, _roots(values), strict=True)
            scores = model.scores(np.stack([kernel(block) for kernel, block in tests]))
            return softmax(scores + targets.mean(axis=0), axis=1)

        return shares


def _roots(values: Floats) -> NDArray[np.float64]:
    """Take histograms (clips, blocks, bins) to square roots (blocks, clips, bins)."""
    return np.sqrt(values.transpose(1, 0, 2), dtype=np.float64)


class Kernel:
    """The scalar product in one block, centred and scaled by what training clips show.

    Parameters
    ----------
    training : ndarray, shape (clips, bins)
        Training clips.
    """

    def __init__(self, training: NDArray[np.float64]) -> None:
        self._training = training
        products = training @ training.T
        self._centre = KernelCenterer().fit(products)
        centred = self._centre.transform(products)
        # A block that never changes has a kernel of zeros, and stays at zero.
        self._scale = max(float(np.trace(centred)) / len(training), np.finfo(float).eps)
        self.of_training = centred / self._scale

    def __call__(self, clips: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the kernel of clips (clips, bins) with the training clips."""
        return self._centre.transform(clips @ self._training.T) / self._scale
