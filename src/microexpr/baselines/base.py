"""What a compared system is: it describes clips, is trained on some, and predicts for others.

A system never sees a label when it describes a clip, nor a test clip when it is trained.
"""

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from microexpr.baselines import SystemSettings
from microexpr.cache import ClipCache, open_cache
from microexpr.cache.provenance import check_same_clips
from microexpr.config import Data
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError, DataError, damage
from microexpr.fingerprints.code import Code
from microexpr.protocol import Fold
from microexpr.protocol.predictions import ClipPredictions, Examples, class_numbers
from microexpr.runtime import resume
from microexpr.runtime.files import replacing
from microexpr.runtime.progress import track
from microexpr.training.windows import moved_frame

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
Classifier = Callable[[Floats], NDArray[np.float64]]  # descriptors (clips, ...) to shares


@dataclass(frozen=True)
class FaceClip:
    """A clip of face crops as a system may see it: without subject and label.

    The landmarks, (5, 2) in crop px: right eye, left eye, nose tip, right and left mouth corner.
    """

    clip_id: str  # for messages
    images: NDArray[np.uint8]  # (T, H, W, 3) RGB
    fps: float  # frames/s
    landmarks_px: NDArray[np.float64] | None = None
    apex: int | None = None  # frame of the largest motion, where the data set says which it is
    apex_error: int = 0  # frames by which it is wrong on purpose, known or estimated

    def landmarks_for(self, system: str) -> NDArray[np.float64]:
        """Return the landmarks that a system needs; DataError: there are none."""
        if self.landmarks_px is None:
            raise DataError(
                f"clip {self.clip_id}: {system} needs landmarks, which crop.detector none does not "
                f"give: crop with yunet, or leave {system} out of compare.systems"
            )
        return self.landmarks_px

    def grey(self, size_px: int | None = None) -> NDArray[np.uint8]:
        """Return the frames in grey, (T, H, W), or (T, size_px, size_px) by averaging."""
        frames = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in self.images]
        if size_px is not None:
            size = (size_px, size_px)
            frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
        return np.stack(frames)


def annotated(data: Data, clip: ClipCache) -> int | None:
    """Return the apex that the data set gives, from the clip's first frame; None: unknown."""
    frame = clip.attributes.get("apex")
    truth = Path(data.root) / "truth" / f"{clip.clip_id}.json"
    if frame is None and data.kind == "demo" and truth.is_file():
        frame = json.loads(truth.read_text(encoding="utf-8"))["apex"]
    if frame is None:
        return None
    if not 0 <= int(frame) < len(clip):
        raise DataError(f"clip {clip.clip_id}: apex {frame} is none of its {len(clip)} frames")
    return int(frame)


@dataclass(frozen=True)
class Descriptors(Examples):
    """One descriptor, or input of a network, per clip."""

    values: Floats  # (clips, ...)


class System(ABC):
    """A compared system; see :class:`DescribingSystem` for those that look at face crops."""

    name: ClassVar[str]  # as in ``compare.systems``
    frames: int = 0  # that a prediction is made from; 0: all of the clip
    together: int = 1  # folds that are trained at a time
    labels: Sequence[str]  # classes, in order

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the settings that results depend on, as plain values."""

    @abstractmethod
    def examples(self, caches: Sequence[Path], clips: Sequence[Clip], folder: Path) -> Examples:
        """Read the caches of all shards, for the rows `clips`; `folder` keeps results."""

    def predict(self, examples: Any, fold: Fold, *, seed: int) -> ClipPredictions:
        """Train on ``fold.train`` and predict for ``fold.test``, in its order."""
        ((found,),) = deque(self.each_epoch(examples, [fold], seed=seed), maxlen=1)
        return found

    def each_epoch(
        self, examples: Any, folds: Sequence[Fold], *, seed: int
    ) -> Iterator[list[ClipPredictions]]:
        """Yield the predictions of each fold after each epoch; the last ones are those to score.

        A system has this function, or `predict`, which serves where there are no epochs.
        """
        yield [self.predict(examples, fold, seed=seed) for fold in folds]


class Description(NamedTuple):
    """The array of a clip, and what the log should say about it."""

    values: Floats
    note: str = ""


class TrainingClips(NamedTuple):
    """Training clips of a fold: descriptors (clips, ...), their classes, and a seed."""

    values: Floats
    classes: NDArray[np.int64]
    n_classes: int
    seed: np.random.SeedSequence


class DescribingSystem(System):
    """A system with a descriptor per clip and a classifier per fold, on ``cpu`` or ``cuda``."""

    def __init__(self, settings: SystemSettings, device: str = "cpu") -> None:
        self.labels, self.class_weights = settings.data.labels, settings.train.class_weights
        self.epochs, self.device = settings.compare.epochs, device
        self.errors = settings.key_frames
        self.apex: Callable[[ClipCache], int | None] | None = None  # None: every one is estimated
        if settings.compare.apex == "known":
            self.apex = partial(annotated, settings.data)

    @abstractmethod
    def describe(self, clip: FaceClip) -> Description:
        """Describe a clip; no label is known here."""

    def train(self, training: TrainingClips) -> Classifier:
        """Fit on training clips; return a function from descriptors (clips, ...) to shares."""
        raise NotImplementedError

    def trained(self, training: TrainingClips) -> Iterator[Classifier]:
        """Yield what is trained after each epoch; without epochs, what `train` returns."""
        yield self.train(training)

    def settings(self) -> dict[str, Any]:
        """Return the settings that results depend on."""
        return {
            "labels": self.labels,
            "class_weights": self.class_weights,
            "epochs": self.epochs,
            "device": self.device,
            "apex": "estimated" if self.apex is None else "known",
        }

    def examples(self, caches: Sequence[Path], clips: Sequence[Clip], folder: Path) -> Descriptors:
        """Describe the clips of all face caches, or read from `folder` what an earlier run has."""
        cached, follows = self._look_through(caches)
        check_same_clips(clips, cached)
        file = resume.place(folder, follows, ".npz")
        if not file.is_file():
            values, notes = zip(*self._described(caches), strict=True)
            with replacing(file) as temporary:
                np.savez(temporary, values=np.stack(values), notes=notes)
        with damage(CacheError, f"{file}: damaged, delete it and run again"), np.load(file) as kept:
            found, said = kept["values"], kept["notes"].tolist()
        for clip_id, note in zip(cached, said, strict=True):
            if note:
                log.info("clip %s: %s", clip_id, note)
        rows = {clip.clip_id: (clip.clip_id, clip.subject, clip.label) for clip in clips}
        names, subjects, labels = zip(*(rows[name] for name in cached), strict=True)
        return Descriptors(names, subjects, labels, found, digest=resume.digest(follows))

    def each_epoch(
        self, examples: Descriptors, folds: Sequence[Fold], *, seed: int
    ) -> Iterator[list[ClipPredictions]]:
        """Yield the predictions of a fold after each epoch."""
        (fold,) = folds
        tests = examples.values[list(fold.test)]
        for classifier in self.trained(self.training(examples, fold, seed)):
            yield [ClipPredictions.of_whole_clips(classifier(tests))]

    def training(self, examples: Descriptors, fold: Fold, seed: int) -> TrainingClips:
        """Return a fold's training clips; any other name, seed or fold gives an unrelated seed."""
        train = list(fold.train)
        return TrainingClips(
            examples.values[train],
            class_numbers(examples, self.labels)[train],
            len(self.labels),
            self.seeds(seed, fold.name),
        )

    def seeds(self, seed: int, fold: str = "") -> np.random.SeedSequence:
        """Return random numbers of a fold, or of all of them."""
        digest = hashlib.sha256(f"{self.name}\0{seed}\0{fold}".encode()).digest()
        return np.random.SeedSequence(int.from_bytes(digest, "big"))

    def _look_through(self, caches: Sequence[Path]) -> tuple[dict[str, Path], dict[str, Any]]:
        """Return the cache of each clip, and what the descriptors follow from."""
        cached: dict[str, Path] = {}
        follows: list[Any] = [self.name, Code("train_system", system=self.name).accepted]
        follows.append(self.errors.model_dump())
        for path in caches:
            with open_cache(path, "faces") as faces:
                follows.append(str(faces.attributes["content_sha256"]))
                for clip in faces:
                    if clip.clip_id in cached:
                        raise CacheError(f"{path}: clip {clip.clip_id} is in another shard as well")
                    cached[clip.clip_id] = path
                    attributes = {k: np.asarray(v).tolist() for k, v in clip.attributes.items()}
                    follows.append([clip.clip_id, attributes, self.apex and self.apex(clip)])
        return cached, {"descriptors": follows}

    def _described(self, caches: Sequence[Path]) -> Iterator[Description]:
        for path in caches:
            with open_cache(path, "faces") as faces:
                for clip_id in track(faces.clip_ids, f"describe {path.stem}"):
                    clip, about = faces[clip_id], faces[clip_id].attributes
                    fps, found = about.positive("fps"), about.get("landmarks_px")
                    points = None if found is None else np.asarray(found, float).reshape(5, 2)
                    apex = self.apex and self.apex(clip)
                    # The onset may be wrong on purpose, but not after the apex.
                    latest = max((len(clip) - 1 if apex is None else apex) - 1, 0)
                    start = moved_frame(
                        f"{clip_id} onset", 0, self.errors.onset_error, least=0, most=latest
                    )
                    apex = None if apex is None else apex - start
                    seen = clip.data[start:], fps, points, apex, self.errors.apex_error
                    yield self.describe(FaceClip(clip_id, *seen))
