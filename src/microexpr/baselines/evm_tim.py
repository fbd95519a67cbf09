"""The system EVM + TIM."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from microexpr.baselines.base import (
    Classifier,
    DescribingSystem,
    Description,
    FaceClip,
    Floats,
    TrainingClips,
)
from microexpr.baselines.lbp_top import block_counts, histograms, resample
from microexpr.magnify import amm

FRAMES = 10
ALPHA, LAMBDA_C_PX = 8.0, 16.0
COEFFICIENTS = (0.05, 0.4)  # r of y[t] = (1 - r) y[t - 1] + r x[t]
GRID = (2, 8, 8)  # blocks in time, height, width


class EVMTIM(DescribingSystem):
    """EVM + TIM: magnified faces, 10 interpolated frames, LBP-TOP in blocks, linear SVM.

    The best documented system of this kind; the poster's row is, to all appearance, Peng, Hong, Xu
    and Zhao, "A boost in revealing subtle facial expressions: a consolidated Eulerian framework",
    FG 2019, arXiv:1901.07765.

    Published: 68.90 % on SMIC (113 of 164 clips), leave one subject out.

    Specified, by the recipe that the authors of ELBPTOP (Guo et al., 2020) print: Eulerian video
    magnification with a second-order IIR band-pass at 0.05 and 0.4, lambda_c 16, alpha 8 for SMIC;
    temporal interpolation to 10 frames; 8x8 blocks in the face and 2 in time; LBP-TOP; linear SVM.

    Inferred: 0.05 and 0.4 are coefficients r of first-order low-passes, as in the code of Wu et al.
    (2012), hence cut-offs at ``-ln(1 - r) fps / (2 pi)``; our causal Butterworth of first order
    stands for their difference; P = 8, R = 1, uniform patterns; faces of the crop's size;
    descriptors divided by the training clips' standard deviation, C = 1.
    """

    name = "evm_tim"
    frames = FRAMES

    def describe(self, clip: FaceClip) -> Description:
        """Return the block histograms, (2 * 8 * 8 * 3 * 59,)."""
        grey = torch.from_numpy(clip.grey()).float() / 255
        magnified = amm(
            grey,
            fps=clip.fps,
            passband_hz=passband_hz(clip.fps),
            alpha=ALPHA,
            temporal_filter="iir",
            order=1,
            lambda_c_px=LAMBDA_C_PX,
        )
        counts = block_counts(resample(magnified.numpy(), FRAMES), GRID)
        return Description(histograms(counts).ravel())

    def train(self, training: TrainingClips) -> Classifier:
        """Fit scaling and the SVM; shares are the soft-max of its decision values."""
        weights = "balanced" if self.class_weights else None
        machine = make_pipeline(
            StandardScaler(), SVC(kernel="linear", class_weight=weights, break_ties=True)
        )
        machine.fit(training.values, training.classes)

        def shares(values: Floats) -> NDArray[np.float64]:
            scores = machine.decision_function(values)
            if scores.ndim == 1:  # two classes: one value, towards the second
                scores = np.stack([-scores, scores], axis=1)
            result = np.zeros((len(values), training.n_classes))
            result[:, machine.classes_] = softmax(scores, axis=1)
            return result

        return shares


def passband_hz(fps: float) -> tuple[float, float]:
    """Return the cut-offs of the recipe's low-passes at a frame rate."""
    low, high = (-np.log1p(-r) * fps / (2 * np.pi) for r in COEFFICIENTS)
    return float(low), float(high)
