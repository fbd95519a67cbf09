"""The tested clips of one method, with all that an explanation needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microexpr import cache
from microexpr.baselines.base import FaceClip, annotated
from microexpr.baselines.flow import Apex, apex_of
from microexpr.cache.joining import check_same_clips
from microexpr.config.data import LabelledPlace
from microexpr.config.preprocessing import Detection
from microexpr.config.report import GradcamSettings
from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError, DataError, ProtocolError
from microexpr.explain.clips import ClipInputs
from microexpr.face.detection import FaceDetector
from microexpr.face.transform import CropTransform
from microexpr.protocol import read_folds
from microexpr.training.model import TrainedModel

if TYPE_CHECKING:
    from microexpr.backbones import Backbone


@dataclass(frozen=True)
class Sources:
    """Files that an explanation rests on; caches of all shards are in one order."""

    faces: Sequence[Path]
    images: Sequence[Path]  # of the method; of none, the faces themselves
    features: Sequence[Path]
    models: Sequence[Path]  # folders of the folds' models
    folds: Path  # folds.csv
    manifest: Path  # manifest.csv: subjects and labels


@dataclass(frozen=True)
class ExplainedClip:
    """A clip that some fold tests."""

    data: LabelledPlace
    about: Clip  # its row of the manifest
    face: cache.ClipCache
    images: cache.ClipCache  # what the network sees
    features: cache.ClipCache
    fold: str  # that tests it
    origin: tuple[str, ...]  # checksums of its caches

    @property
    def clip_id(self) -> str:
        """Name of the clip."""
        return self.about.clip_id

    @property
    def label(self) -> str:
        """Its class."""
        return self.about.label

    @property
    def follows(self) -> list[Any]:
        """What its inputs follow from, as plain values."""
        return [self.clip_id, self.about.subject, self.label, self.origin]

    @property
    def transform(self) -> CropTransform:
        """From its frames to its crops."""
        matrix = self.face.attributes["transform"].reshape(2, 3)
        return CropTransform(matrix, self.face.data.shape[1])

    @cached_property
    def apex(self) -> Apex:
        """The data set's apex; where it has none, the estimate from the motion of the crops."""
        known = annotated(self.data, self.face)
        if known is not None:
            return Apex(known, known=True)
        fps = float(self.face.attributes["fps"])
        return apex_of(FaceClip(self.clip_id, self.face.data[()], fps))

    @property
    def inputs(self) -> ClipInputs:
        """What is explained: the evidence for the clip's own class."""
        target = self.data.labels.index(self.label)
        images, features = self.images.data, self.features.data
        return ClipInputs(self.clip_id, images, features, target, self.apex.frame)


def explained_clips(
    data: LabelledPlace, sources: Sources, stack: ExitStack
) -> Iterator[ExplainedClip]:
    """Yield the tested clips in the order of the caches.

    `stack` keeps the caches open: the clips are read when they are needed.

    Raises
    ------
    CacheError, ProtocolError
        When the caches, the manifest or the folds are not of the same clips.
    """
    kinds = ("faces", None, "features")  # the images of method none are the faces
    faces, images, features = (
        [stack.enter_context(cache.open_cache(path, kind)) for path in paths]
        for paths, kind in zip(
            (sources.faces, sources.images, sources.features), kinds, strict=True
        )
    )
    about = _rows(sources, faces)
    names = [name for shard in faces for name in shard.clip_ids]
    folds = read_folds(sources.folds, names)
    fold_of = {names[i]: fold.name for fold in folds for i in fold.test}
    for shards in zip(faces, images, features, strict=True):
        if len({tuple(shard.clip_ids) for shard in shards}) > 1:
            raise CacheError("the caches of one shard hold different clips: rebuild them")
        origin = tuple(str(shard.attributes["content_sha256"]) for shard in shards)
        for name in (name for name in shards[0].clip_ids if name in fold_of):
            face, image, feature = (shard[name] for shard in shards)
            yield ExplainedClip(data, about[name], face, image, feature, fold_of[name], origin)


def _rows(sources: Sources, faces: Sequence[cache.Cache]) -> dict[str, Clip]:
    """Read the manifest's row of each clip, and check that the caches hold these clips."""
    clips = manifest.read(sources.manifest)
    shards = zip(sources.faces, faces, strict=True)
    check_same_clips(clips, {name: path for path, shard in shards for name in shard.clip_ids})
    return {clip.clip_id: clip for clip in clips}


@dataclass(frozen=True)
class FoldModel:
    """A fold's network, the clips that it was trained on, and the checksum of its training."""

    model: TrainedModel
    trained: frozenset[str]
    digest: str

    @classmethod
    def read(
        cls, settings: GradcamSettings, sources: Sources, fold: str, network: Backbone
    ) -> FoldModel:
        """Read the model of a fold, trained under the first feature mode and seed.

        Raises
        ------
        DataError
            When there is none, or it is of another N or other classes.
        """
        train = settings.train
        name = f"{train.feature_modes[0]}_{train.seeds[0]}_{fold}.safetensors"
        found = [folder / name for folder in sources.models if (folder / name).is_file()]
        if not found:
            raise DataError(
                f"fold {fold}: no model {name} in {', '.join(map(str, sources.models))}"
            )
        model, header = TrainedModel.load(found[0], network)
        if header["n"] != settings.explain.n or header["labels"] != settings.data.labels:
            raise DataError(
                f"{found[0]}: is of N = {header['n']} and the classes {header['labels']} "
                "(explain.n, data.labels)"
            )
        trained = frozenset(clip_id for clip_id, _ in header["train_clips"])
        return cls(model, trained, header["digest"])

    def of(self, clip: ExplainedClip) -> TrainedModel:
        """Return the model for a clip that it has never seen.

        Raises
        ------
        ProtocolError
            When it was trained on the clip.
        """
        if clip.clip_id in self.trained:
            raise ProtocolError(
                f"clip {clip.clip_id}: the model of fold {clip.fold} was trained on it"
            )
        return self.model


def landmarks_px(face: cache.ClipCache, settings: Detection) -> np.ndarray:
    """Return landmarks in the crop, (5, 2): of the cache; of clips that came cropped, detected now.

    Raises
    ------
    DataError
        When there is no face in the first crop.
    """
    points = face.attributes.get("landmarks_px")
    if points is not None:
        return points.reshape(5, 2)
    detector = FaceDetector(min_score=settings.min_score, width_px=settings.detection_width_px)
    found = detector.detect(face.data[0])
    if found is None:
        raise DataError(f"clip {face.clip_id}: no face in its first crop (crop.min_score)")
    return found.landmarks
