"""Drawn faces with one of three local motions: the right class is known, identity is a nuisance.

Eyes, brows and mouth lie where they lie in every face; skin texture, brightness and noise are the
subject's and the clip's. Class 0 lowers the brows, 1 raises the mouth corners, 2 opens the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from microexpr.baselines.base import DescribingSystem, Descriptors, FaceClip, System
from microexpr.protocol import Fold

LABELS = ("negative", "positive", "surprise")
SIZE_PX = 96
LANDMARKS_PX = np.array([[30, 38], [66, 38], [48, 56], [36, 74], [60, 74]], dtype=float)
# Centres of the moving parts, and where they go at the apex.
MOTIONS = (
    (((30, 28), (0, 3.5)), ((66, 28), (0, 3.5))),
    (((34, 74), (-2.5, -3)), ((62, 74), (2.5, -3))),
    (((30, 42), (0, 3.5)), ((66, 42), (0, 3.5))),
)
REACH_PX = 7.0


@dataclass(frozen=True)
class Planted:
    """Clips with subjects and labels."""

    clips: tuple[FaceClip, ...]
    subjects: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The clips' names."""
        return tuple(clip.clip_id for clip in self.clips)

    def folds(self, parts: int = 2) -> list[Fold]:
        """Split by subject."""
        names = list(dict.fromkeys(self.subjects))
        everyone = range(len(self.clips))
        folds = []
        for part in range(parts):
            tested = set(names[part::parts])
            test = tuple(i for i in everyone if self.subjects[i] in tested)
            folds.append(Fold(f"fold{part}", tuple(i for i in everyone if i not in test), test))
        return folds

    def described(self, system: DescribingSystem) -> Descriptors:
        """Describe all clips."""
        values = np.stack([system.describe(clip).values for clip in self.clips])
        return Descriptors(self.names, self.subjects, self.labels, values, digest="planted")

    def permuted(self, seed: int = 3) -> tuple[str, ...]:
        """Return the labels in another order: nothing is left to learn."""
        return tuple(np.random.default_rng(seed).permutation(self.labels).tolist())


def planted(
    subjects: int = 6, clips_per_class: int = 2, *, size_px: int = SIZE_PX, seed: int = 5
) -> Planted:
    """Draw clips of 16 to 22 frames."""
    rng = np.random.default_rng(seed)
    clips, who, labels = [], [], []
    for subject in range(subjects):
        still = _face(rng)
        for number in range(len(LABELS) * clips_per_class):
            k = number % len(LABELS)
            name = f"s{subject + 1}_{number:02d}"
            clips.append(_clip(name, still, k, size_px, rng))
            who.append(f"s{subject + 1}")
            labels.append(LABELS[k])
    return Planted(tuple(clips), tuple(who), tuple(labels))


def accuracy(system: System, examples, folds: list[Fold], seed: int = 0) -> float:
    """Return the share of right predictions over all folds."""
    right = []
    for fold in folds:
        predicted = system.predict(examples, fold, seed=seed).predicted
        wanted = [LABELS.index(examples.labels[i]) for i in fold.test]
        right += (predicted == wanted).tolist()
    return float(np.mean(right))


def _face(rng: np.random.Generator) -> np.ndarray:
    """Draw a face at rest, (96, 96), grey 0..255."""
    texture = cv2.GaussianBlur(rng.normal(size=(SIZE_PX, SIZE_PX)), (0, 0), 1.5)
    face = rng.uniform(120, 160) + 12 * texture / texture.std()
    for x in (30, 66):
        cv2.line(face, (x - 10, 28), (x + 10, 28), 50, 3)
        cv2.ellipse(face, (x, 38), (9, 4), 0, 0, 360, 220, -1)
        cv2.circle(face, (x, 38), 4, 30, -1)
        cv2.line(face, (x - 9, 42), (x + 9, 42), 70, 1)
    cv2.ellipse(face, (48, 74), (14, 3), 0, 0, 360, 80, -1)
    return cv2.GaussianBlur(face, (0, 0), 1.0).astype(np.float32)


def _clip(name: str, still: np.ndarray, k: int, size_px: int, rng: np.random.Generator) -> FaceClip:
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX].astype(np.float32)
    field = np.zeros((2, SIZE_PX, SIZE_PX), np.float32)
    for (cx, cy), move in MOTIONS[k]:
        near = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * REACH_PX**2))
        field += np.asarray(move, np.float32)[:, None, None] * near
    length, strength = int(rng.integers(16, 23)), rng.uniform(0.8, 1.2)
    profile = strength * np.sin(np.linspace(0, np.pi, length)) ** 2
    frames = []
    for amount in profile:
        moved = cv2.remap(
            still,
            x - np.float32(amount) * field[0],
            y - np.float32(amount) * field[1],
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        moved = cv2.resize(moved, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
        frames.append(moved + rng.normal(0, 1.0, moved.shape))
    images = np.clip(np.round(np.stack(frames)), 0, 255).astype(np.uint8)
    rgb = np.repeat(images[..., None], 3, axis=3)
    scale = size_px / SIZE_PX
    return FaceClip(name, rgb, 100.0, (LANDMARKS_PX + 0.5) * scale - 0.5)
