"""LBP-TOP, clips resampled in time by the temporal interpolation model (TIM), and two systems.

LBP-TOP (Zhao and Pietikäinen, TPAMI 2007): local binary patterns on the planes XY, XT and YT, of
P = 8 neighbours at radius R = 1 px or frame, bilinearly interpolated on the diagonals; uniform
patterns, 59 labels a plane. Codes are made of the whole clip and counted by block.

TIM (Zhou, Zhao and Pietikäinen, CVPR 2011) embeds the frames of a clip as a path graph, whose
eigenvectors can be evaluated between the frames. At the frames they are the basis of the discrete
cosine transform: so the map is a matrix (frames out, frames in) that does not depend on the clip.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
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
from microexpr.errors import DataError
from microexpr.magnify import amm

LABELS = 59  # 58 patterns with at most two transitions, and one label for all others
PLANES = ((1, 2), (0, 2), (0, 1))  # axes of XY, XT and YT in (T, y, x)
DIAGONAL = np.sqrt(0.5)  # of a neighbour at 45 degrees and radius 1, along either axis
# Neighbour p lies at the angle 2 pi p / 8, counter-clockwise from the second axis of the plane.
STEPS = ((0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1))


def uniform_labels() -> NDArray[np.uint8]:
    """Return the label of each of the 256 codes: uniform ones in order, then all others."""
    codes = np.arange(256)
    bits = (codes[:, None] >> np.arange(8)) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(1) <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, LABELS - 1).astype(np.uint8)


def block_counts(clip: NDArray[np.number], grid: tuple[int, int, int]) -> NDArray[np.int64]:
    """Count the labels of XY, XT and YT in each block of a grey clip (T, H, W): (*grid, 3, 59).

    `grid` are the blocks along time, height and width. The outermost frames and pixels have no
    code.
    """
    inner = tuple(size - 2 for size in clip.shape)
    if any(size < blocks for size, blocks in zip(inner, grid, strict=True)):
        raise DataError(
            f"a clip of {'x'.join(map(str, clip.shape))} (frames, height, width) is too small for "
            f"LBP-TOP in {'x'.join(map(str, grid))} blocks"
        )
    values = np.ascontiguousarray(clip, dtype=np.float32)
    t, y, x = (np.arange(size) * blocks // size for size, blocks in zip(inner, grid, strict=True))
    block = (t[:, None, None] * grid[1] + y[:, None]) * grid[2] + x
    labels, size = uniform_labels(), int(np.prod(grid)) * LABELS
    counts = [
        np.bincount((block * LABELS + labels[_codes(values, axes)]).ravel(), minlength=size)
        for axes in PLANES
    ]
    return np.stack(counts, axis=0).reshape(3, *grid, LABELS).transpose(1, 2, 3, 0, 4)


def histograms(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Turn counts (..., 59) into shares: each plane of each block sums to 1."""
    return (counts / counts.sum(axis=-1, keepdims=True)).astype(np.float32)


def coarser(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Join blocks two by two in height and width: counts of (t, y / 2, x / 2, 3, 59)."""
    t, y, x, *rest = counts.shape
    return counts.reshape(t, y // 2, 2, x // 2, 2, *rest).sum(axis=(2, 4))


def _codes(values: NDArray[np.float32], axes: tuple[int, int]) -> NDArray[np.uint8]:
    """Compare each inner value with its eight neighbours in a plane.

    Interpolated neighbours are compared by their difference from the centre: where all values are
    equal it is exactly zero, which rounding would not give otherwise.
    """
    differences = {step: _shifted(values, axes, step) - _shifted(values, axes) for step in STEPS}
    codes = np.zeros(differences[STEPS[0]].shape, np.uint8)
    for p, (down, right) in enumerate(STEPS):
        difference = differences[down, right]
        if down and right:
            sides = differences[down, 0] + differences[0, right]
            difference = np.float32(1 - DIAGONAL) * sides + np.float32(DIAGONAL) * difference
        codes |= (difference >= 0).astype(np.uint8) << np.uint8(p)
    return codes


def _shifted(
    values: NDArray[np.float32], axes: tuple[int, int], step: tuple[int, int] = (0, 0)
) -> NDArray[np.float32]:
    """Return the inner part of a clip, shifted by a step along two axes."""
    starts = [1, 1, 1]
    for axis, offset in zip(axes, step, strict=True):
        starts[axis] += offset
    stops = [start + size - 2 for start, size in zip(starts, values.shape, strict=True)]
    return values[tuple(slice(*span) for span in zip(starts, stops, strict=True))]


@lru_cache(maxsize=256)
def tim_matrix(n_frames: int, n_out: int) -> NDArray[np.float64]:
    """Return the matrix from a clip's frames to 2 or more at equal distances; its rows sum to 1."""
    if n_frames < 1 or n_out < 2:
        raise DataError(f"a clip of {n_frames} frames cannot be resampled to {n_out}")
    at_frames, at_out = (
        np.linspace(1 / n_frames, 1, count)[:, None] for count in (n_frames, n_out)
    )
    k = np.arange(1, n_frames)
    phase = np.pi * (n_frames - k) / (2 * n_frames)
    curve_at_frames, curve_at_out = (np.sin(np.pi * k * t + phase) for t in (at_frames, at_out))
    matrix = (1 + 2 * curve_at_out @ curve_at_frames.T) / n_frames
    matrix.setflags(write=False)
    return matrix


def resample(clip: NDArray[np.number], n_out: int) -> NDArray[np.float32]:
    """Resample a clip (T, ...) in time to (n_out, ...) float32; between frames it may overshoot."""
    matrix = tim_matrix(len(clip), n_out).astype(np.float32)
    flat = np.asarray(clip, dtype=np.float32).reshape(len(clip), -1)
    return (matrix @ flat).reshape(n_out, *clip.shape[1:])


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
