"""What a compared system is: it describes clips, is trained on some, and predicts for others.

A system never sees a label when it describes a clip, nor a test clip when it is trained.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from microexpr.datasets.manifest import Clip
from microexpr.protocol import Fold
from microexpr.protocol.predictions import ClipPredictions, Examples


@dataclass(frozen=True)
class FaceClip:
    """A clip of face crops as a system may see it: without subject and label.

    Parameters
    ----------
    clip_id : str
        For messages.
    images : ndarray, shape (T, H, W, 3), uint8
        RGB.
    fps : float
        Frames/s.
    landmarks_px : ndarray, shape (5, 2), or None
        Right eye, left eye, nose tip, right and left mouth corner, in crop px.
    apex : int or None
        Frame of the largest motion, where the data set says which it is.
    """

    clip_id: str
    images: NDArray[np.uint8]
    fps: float
    landmarks_px: NDArray[np.float64] | None = None
    apex: int | None = None

    def grey(self, size_px: int | None = None) -> NDArray[np.uint8]:
        """Return the frames in grey, (T, H, W), or (T, size_px, size_px) by averaging."""
        frames = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in self.images]
        if size_px is not None:
            size = (size_px, size_px)
            frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
        return np.stack(frames)


@dataclass(frozen=True)
class Descriptors(Examples):
    """One descriptor, or input of a network, per clip."""

    values: NDArray[np.float32]  # (clips, ...)


class System(ABC):
    """A compared system; see :class:`DescribingSystem` for those that look at face crops.

    Attributes
    ----------
    name : str
        As in ``compare.systems``.
    frames : int
        Frames that a prediction is made from; 0: all of the clip.
    labels : sequence of str
        Classes, in order.
    """

    name: ClassVar[str]
    frames: int = 0
    labels: Sequence[str]

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the settings that results depend on, as plain values."""

    @abstractmethod
    def examples(self, caches: Sequence[Path], clips: Sequence[Clip], folder: Path) -> Examples:
        """Read the caches of all shards, with subjects and labels of `clips`, the manifest's rows.

        `folder` keeps what need not be computed twice.
        """

    @abstractmethod
    def predict(self, examples: Any, fold: Fold, *, seed: int) -> ClipPredictions:
        """Train on ``fold.train`` and predict for ``fold.test``, in its order."""


def seed_of(*parts: object) -> np.random.SeedSequence:
    """Derive a seed from numbers and names; any other part gives an unrelated one."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return np.random.SeedSequence(int.from_bytes(digest, "big"))
