"""Support vector machines, and two over optical flow: flattened maps, and MDMO."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.svm import SVC

from microexpr.baselines.base import (
    Classifier,
    DescribingSystem,
    Description,
    FaceClip,
    Floats,
    TrainingClips,
)
from microexpr.baselines.flow import FLOW_SIZE_PX, flow, flow_to_apex

SIZE_PX = 32
GRID = 6  # regions along each side of the face
# The face around the centre of the eyes, in distances of the eyes: left and right, up, and down.
ASIDE, UP, DOWN = 1.1, 0.9, 1.9
DIRECTIONS = 8
SMALL = float(np.finfo(np.float32).eps)
BETA = 0.8  # weight of the magnitudes; the directions have 1 - BETA


class SVMSystem(DescribingSystem):
    """A system whose classifier is an SVM; shares are the soft-max of its decision values."""

    machine: ClassVar[dict[str, Any]] = {}  # its arguments

    @abstractmethod
    def scaling(self, values: Floats) -> Callable[[Floats], NDArray[Any]]:
        """Fit on training clips what takes descriptors (clips, ...) to inputs (clips, features)."""

    def train(self, training: TrainingClips) -> Classifier:
        """Fit scaling and the SVM."""
        weights = "balanced" if self.class_weights else None
        machine = SVC(**self.machine, class_weight=weights, break_ties=True)
        scaled = self.scaling(training.values)
        machine.fit(scaled(training.values), training.classes)

        def shares(values: Floats) -> NDArray[np.float64]:
            scores = machine.decision_function(scaled(values))
            if scores.ndim == 1:  # two classes: one value, towards the second
                scores = np.stack([-scores, scores], axis=1)
            result = np.zeros((len(values), training.n_classes))  # a class that it lacks has 0
            result[:, machine.classes_] = softmax(scores, axis=1)
            return result

        return shares


class FlowSVM(SVMSystem):
    """Optical flow + RBF SVM: flow and strain between onset and apex, flattened.

    The simplest system of the benchmark of Varanka et al., IEEE Transactions on Affective Computing
    2024, arXiv:2211.11425. Specified, by their code (meb): horizontal and vertical flow and strain,
    32x32, an SVM with the kernel RBF and C = 28. Inferred: Farnebäck's flow; maps divided by the
    training clips' root mean square of each map, so that the kernel's width, one over the inputs'
    variance, does not rest on one of the three.
    """

    name = "flow_svm"
    machine: ClassVar = {"C": 28}
    frames = 2

    def describe(self, clip: FaceClip) -> Description:
        """Return flow (px) and strain from the first frame to the apex, (3, 32, 32)."""
        return flow_to_apex(clip, SIZE_PX)

    def scaling(self, values: Floats) -> Callable[[Floats], Floats]:
        """Divide each map by its root mean square."""
        squares = np.square(values).mean(axis=(0, 2, 3), keepdims=True)
        scale = np.maximum(np.sqrt(squares), SMALL)
        return lambda values: (values / scale).reshape(len(values), -1)


class MDMO(SVMSystem):
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
    machine: ClassVar = {"kernel": "poly"}

    def describe(self, clip: FaceClip) -> Description:
        """Return magnitude, cosine and sine of the direction of each region, (3, 36)."""
        frames = clip.grey(FLOW_SIZE_PX)
        scale = FLOW_SIZE_PX / clip.images.shape[1]
        rows, columns = _edges((clip.landmarks_for(self.name)[:2] + 0.5) * scale)
        main = np.mean([_main_flow(flow(frames[0], f), rows, columns) for f in frames[1:]], axis=0)
        magnitude = np.hypot(*main)
        largest, direction = max(magnitude.max(), SMALL), main / np.maximum(magnitude, SMALL)
        return Description(np.stack([magnitude / largest, *direction]).astype(np.float32))

    def scaling(self, values: Floats) -> Callable[[Floats], NDArray[np.float64]]:
        """Divide by the standard deviation, and weigh."""
        mean, sd = (f(values, axis=0) for f in (np.mean, np.std))
        factors = np.array([[BETA], [1 - BETA], [1 - BETA]]) / np.maximum(sd, SMALL)
        return lambda values: ((values - mean) * factors).reshape(len(values), -1)


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
