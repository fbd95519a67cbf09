"""Support vector machines over optical flow: flattened maps, and MDMO."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

from microexpr.baselines.base import (
    Classifier,
    DescribingSystem,
    Description,
    FaceClip,
    Floats,
    TrainingClips,
    decision_shares,
)
from microexpr.baselines.flow import FLOW_SIZE_PX, flow, flow_to_apex, shrunk, strain
from microexpr.errors import DataError

SIZE_PX = 32
GRID = 6  # regions along each side of the face
# The face around the centre of the eyes, in distances of the eyes: left and right, up, and down.
ASIDE, UP, DOWN = 1.1, 0.9, 1.9
DIRECTIONS = 8
SMALL = float(np.finfo(np.float32).eps)
BETA = 0.8  # weight of the magnitudes; the directions have 1 - BETA


class FlowSVM(DescribingSystem):
    """Optical flow + RBF SVM: flow and strain between onset and apex, flattened.

    The simplest system of the benchmark of Varanka et al., IEEE Transactions on Affective Computing
    2024, arXiv:2211.11425. Specified, by their code (meb): horizontal and vertical flow and strain,
    32x32, an SVM with the kernel RBF and C = 28. Inferred: Farnebäck's flow; maps divided by the
    training clips' root mean square of each map, so that the kernel's width, one over the inputs'
    variance, does not rest on one of the three.
    """

    name = "flow_svm"
    frames = 2

    def describe(self, clip: FaceClip) -> Description:
        """Return flow (px) and strain from the first frame to the apex, (3, 32, 32)."""
        field, note = flow_to_apex(clip)
        return Description(shrunk(np.concatenate([field, strain(field)[None]]), SIZE_PX), note)

    def train(self, training: TrainingClips) -> Classifier:
        """Fit the SVM; shares are the soft-max of its decision values."""
        squares = np.square(training.values).mean(axis=(0, 2, 3), keepdims=True)
        scale = np.maximum(np.sqrt(squares), SMALL)
        weights = "balanced" if self.class_weights else None
        machine = SVC(C=28, class_weight=weights, break_ties=True)

        def read(values: Floats) -> Floats:
            return (values / scale).reshape(len(values), -1)

        machine.fit(read(training.values), training.classes)
        return lambda values: decision_shares(machine, read(values), training.n_classes)


class MDMO(DescribingSystem):
    """MDMO: main directional mean optical flow of 36 regions of the face, and an SVM.

    In the spirit of Liu, Zhang, Yan, Wang, Zhao and Fu, IEEE Transactions on Affective Computing
    7(4), 2016. Specified, by the paper and the code of Varanka et al. (meb): flow from the first
    frame to each frame; in each of 36 regions the mean of those vectors whose direction is in the
    most frequent of eight sectors; its mean over the frames; magnitudes over the largest one, and
    directions, weighted beta and 1 - beta, beta = 0.8; an SVM with a polynomial kernel. Inferred: a
    grid of 6x6 regions around the eyes instead of outlines of 66 landmarks, of which our detector
    has five; the median flow is subtracted, instead of an affine fit to outline and nose; the
    direction as cosine and sine, which do not jump at half a turn; inputs divided by the training
    clips' standard deviation before the weights.
    """

    name = "mdmo"

    def describe(self, clip: FaceClip) -> Description:
        """Return magnitude, cosine and sine of the direction of each region, (3, 36)."""
        if clip.landmarks_px is None:
            raise DataError(
                f"clip {clip.clip_id}: mdmo needs landmarks, which crop.detector none does not "
                "give: crop with yunet, or leave mdmo out of compare.systems"
            )
        frames = clip.grey(FLOW_SIZE_PX)
        scale = FLOW_SIZE_PX / clip.images.shape[1]
        rows, columns = _edges((clip.landmarks_px[:2] + 0.5) * scale)
        main = np.mean([_main_flow(flow(frames[0], f), rows, columns) for f in frames[1:]], axis=0)
        magnitude = np.hypot(*main)
        largest, direction = max(magnitude.max(), SMALL), main / np.maximum(magnitude, SMALL)
        return Description(np.stack([magnitude / largest, *direction]).astype(np.float32))

    def train(self, training: TrainingClips) -> Classifier:
        """Fit scaling and the SVM; shares are the soft-max of its decision values."""
        mean, sd = (f(training.values, axis=0) for f in (np.mean, np.std))
        factors = np.array([[BETA], [1 - BETA], [1 - BETA]]) / np.maximum(sd, SMALL)
        weights = "balanced" if self.class_weights else None
        machine = SVC(kernel="poly", class_weight=weights, break_ties=True)

        def read(values: Floats) -> NDArray[np.float64]:
            return ((values - mean) * factors).reshape(len(values), -1)

        machine.fit(read(training.values), training.classes)
        return lambda values: decision_shares(machine, read(values), training.n_classes)


def _edges(eyes_px: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Return the rows and the columns at which the regions begin and end, inside the crop."""
    distance, (x, y) = np.hypot(*(eyes_px[1] - eyes_px[0])), eyes_px.mean(axis=0)
    ends = np.array([[y - UP * distance, y + DOWN * distance], [x, x]])
    ends[1] += ASIDE * distance * np.array([-1, 1])
    start, stop = ends.clip(0, FLOW_SIZE_PX).T
    rows, columns = np.linspace(start, stop, GRID + 1).round().astype(int).T
    return rows.tolist(), columns.tolist()


def _main_flow(field: Floats, rows: Sequence[int], columns: Sequence[int]) -> NDArray[np.float64]:
    """Return the main directional mean of a flow (2, H, W) in each region, px, (2, 36)."""
    still = field - np.median(field, axis=(1, 2), keepdims=True)
    sector = np.round(np.arctan2(still[1], still[0]) * DIRECTIONS / (2 * np.pi)) % DIRECTIONS
    found = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            vectors = still[:, top:bottom, left:right].reshape(2, -1)
            sectors = sector[top:bottom, left:right].ravel().astype(np.int64)
            main = np.bincount(sectors, minlength=DIRECTIONS).argmax()
            found.append(vectors[:, sectors == main].mean(axis=1))
    return np.array(found, dtype=np.float64).T
