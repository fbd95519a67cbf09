"""The tested clips of one method, and what is measured of their maps."""

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
from microexpr.config import Crop, Data
from microexpr.config.evaluation import GradcamSettings
from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError, DataError, ProtocolError
from microexpr.explain.gradcam import ClipExplainer, ClipInputs
from microexpr.explain.maps import TRAINED, ClipMaps
from microexpr.explain.scores import (
    Truth,
    displacement_px,
    motion_scores,
    moving_pixels,
    on_crop,
    rank_correlation,
    region_map,
    region_scores,
)
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

    data: Data
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
        fps = self.face.attributes.positive("fps")
        return apex_of(FaceClip(self.clip_id, self.face.data[()], fps))

    @property
    def inputs(self) -> ClipInputs:
        """What is explained: the evidence for the clip's own class."""
        target = self.data.labels.index(self.label)
        images, features = self.images.data, self.features.data
        return ClipInputs(self.clip_id, images, features, target, self.apex.frame)


def explained_clips(data: Data, sources: Sources, stack: ExitStack) -> Iterator[ExplainedClip]:
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


def landmarks_px(face: cache.ClipCache, settings: Crop) -> np.ndarray:
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


SHOWN_FRAMES = 6  # of a clip, from its first frame to its last
ABOUT = ("subject", "label", "fold", "apex", "apex_known")


def maps_of(
    clip: ExplainedClip,
    explainer: ClipExplainer,
    model: TrainedModel,
    blocks: Sequence[int],
    *,
    crop: Crop,
    full: bool,
) -> ClipMaps:
    """Explain a clip by the model of the fold that tests it; `full`: frame by frame as well."""
    maps = ClipMaps(
        _attributes(clip, landmarks_px(clip.face, crop)),
        clip.images.data[clip.apex.frame],
        explainer.at_apex(clip.inputs, model, blocks),
    )
    if full:
        _add_frames(maps, explainer, clip.inputs, model, blocks)
    return maps


def _attributes(clip: ExplainedClip, landmarks: np.ndarray) -> dict[str, Any]:
    about = (clip.about.subject, clip.label, clip.fold, clip.apex.frame, clip.apex.known)
    return {
        **dict(zip(ABOUT, about, strict=True)),
        "fps": clip.face.attributes.positive("fps"),
        "transform": clip.transform.matrix.ravel(),
        "landmarks_px": landmarks.ravel(),
    }


def _add_frames(
    maps: ClipMaps,
    explainer: ClipExplainer,
    clip: ClipInputs,
    model: TrainedModel,
    blocks: Sequence[int],
) -> None:
    """Keep all blocks at some frames, and all frames at the last one that is measured."""
    rows = np.unique(np.linspace(0, len(clip) - 1, SHOWN_FRAMES).round().astype(int))
    every = range(1, explainer.n_blocks + 1)
    maps.frames, maps.images = rows, clip.images[rows]
    maps.frame = explainer.over_time(clip, model, rows, every)
    maps.frame |= explainer.before_training(clip, rows, every)
    maps.clip = explainer.over_time(clip, model, np.arange(len(clip)), [max(blocks)])


def truth_of(data: Data, clips: Sequence[ExplainedClip]) -> Truth | None:
    """Return what really moves; None where nobody knows."""
    if data.kind != "demo":
        return None
    return Truth(
        {
            c.clip_id: moving_pixels(displacement_px(data.root, c.clip_id, c.transform))
            for c in clips
        },
        {c.clip_id: c.label for c in clips},
    )


def score_rows(clip_id: str, maps: ClipMaps, truth: Truth | None) -> Iterator[dict[str, Any]]:
    """Yield a row of ``clips.csv`` for each model and block."""
    size_px = len(maps.image)
    regions = region_map(maps.attributes["landmarks_px"], size_px)
    about = {name: maps.attributes[name] for name in ABOUT}
    for (model, block), values in maps.window.items():
        cam = on_crop(values, size_px)
        row = {"clip_id": clip_id, **about, "model": model, "block": block}
        row |= region_scores(cam, regions)
        row["like_trained"] = rank_correlation(values, maps.window[TRAINED, block])
        yield row | (motion_scores(cam, clip_id, truth) if truth else {})
