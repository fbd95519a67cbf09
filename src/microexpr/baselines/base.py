"""What a compared system is: something that describes a clip, learns from clips, and answers.

A system never sees a label when it describes a clip, nor a test clip when it learns.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError
from microexpr.protocol import Fold, predictions


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
        """Give the frames in grey, (T, H, W), or (T, size_px, size_px) by averaging."""
        frames = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in self.images]
        if size_px is not None:
            size = (size_px, size_px)
            frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
        return np.stack(frames)


class Examples(predictions.Examples, Protocol):
    """The clips of a data set, as one system reads them; `digest` is a checksum over them."""

    digest: str


@dataclass(frozen=True)
class Descriptors:
    """One array a clip.

    Parameters
    ----------
    clip_ids, subjects, labels : tuple of str
        One each a clip.
    values : ndarray, shape (clips, ...), float32
        Descriptors, or inputs of a network.
    digest : str
        Checksum over all that they follow from.
    """

    clip_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: tuple[str, ...]
    values: NDArray[np.float32]
    digest: str


@dataclass(frozen=True)
class Answers:
    """Answers for some clips.

    Parameters
    ----------
    shares : ndarray, shape (clips, K), float64
        Of the classes; NaN for a clip without an answer.
    predicted : ndarray, shape (clips,), int64
        Class; -1 for a clip without an answer.
    n_windows : ndarray, shape (clips,), int64
        Windows that the answer rests on; 1 where the clip is seen as a whole.
    """

    shares: NDArray[np.float64]
    predicted: NDArray[np.int64]
    n_windows: NDArray[np.int64]

    @classmethod
    def of_shares(cls, shares: NDArray[np.float64]) -> Answers:
        """Answer the class of the largest share, for clips that are seen as a whole."""
        return cls(shares, shares.argmax(axis=1), np.ones(len(shares), dtype=np.int64))


class System(ABC):
    """A compared system; see :class:`DescribingSystem` for those that look at face crops.

    Attributes
    ----------
    name : str
        As in ``compare.systems``.
    frames : int
        Frames that an answer rests on; 0: all of the clip.
    labels : sequence of str
        Classes, in order.
    """

    name: ClassVar[str]
    frames: int = 0
    labels: Sequence[str]

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Give the settings that results depend on, as plain values."""

    @abstractmethod
    def examples(self, caches: Sequence[Path], clips: Sequence[Clip], folder: Path) -> Examples:
        """Read the caches of all shards, with subjects and labels of `clips`, the manifest's rows.

        `folder` keeps what need not be computed twice.
        """

    @abstractmethod
    def answer(self, examples: Any, fold: Fold, *, seed: int) -> Answers:
        """Learn from ``fold.train`` and answer for ``fold.test``, in its order."""


def class_numbers(examples: Examples, labels: Sequence[str]) -> NDArray[np.int64]:
    """Number the clips' labels, (clips,).

    Raises
    ------
    DataError
        On a label that is none of `labels`.
    """
    for clip_id, label in zip(examples.clip_ids, examples.labels, strict=True):
        if label not in labels:
            raise DataError(f"clip {clip_id}: label {label!r} is not in data.labels {list(labels)}")
    return np.array([list(labels).index(label) for label in examples.labels], dtype=np.int64)


def seed_of(*parts: object) -> np.random.SeedSequence:
    """Derive a seed from numbers and names; any other part gives an unrelated one."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return np.random.SeedSequence(int.from_bytes(digest, "big"))
