"""The tested clips of one method, and what is measured of their maps."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from microexpr import cache
from microexpr.backbones.base import Backbone
from microexpr.baselines.base import FaceClip, annotated
from microexpr.baselines.flow import Apex, apex_of
from microexpr.cache.provenance import check_same_clips
from microexpr.config import Crop, Data
from microexpr.config.evaluation import GradcamSettings
from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError, DataError, ProtocolError
from microexpr.explain import scores
from microexpr.explain.gradcam import ClipExplainer, ClipInputs
from microexpr.explain.maps import TRAINED, ClipMaps
from microexpr.explain.scores import Truth
from microexpr.face.detection import FaceDetector
from microexpr.face.transform import CropTransform
from microexpr.protocol import read_folds
from microexpr.training.model import TrainedModel

SHOWN_FRAMES = 6  # of a clip, from its first frame to its last
ABOUT = ("subject", "label", "fold", "apex", "apex_known")


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
    def follows(self) -> list[Any]:
        """What its inputs follow from, as plain values."""
        return [self.clip_id, self.about.subject, self.about.label, self.origin]

    @property
    def transform(self) -> CropTransform:
        """From its frames to its crops."""
        matrix = self.face.attributes["transform"].reshape(2, 3)
        return CropTransform(matrix, self.face.data.shape[1])

    @cached_property
    def apex(self) -> Apex:
        """The data set's apex; where it has none, the estimate from the motion of the crops."""
        fps, known = self.face.attributes.positive("fps"), annotated(self.data, self.face)
        return apex_of(FaceClip(self.clip_id, self.face.data[()], fps, apex=known))

    @property
    def inputs(self) -> ClipInputs:
        """What is explained: the evidence for the clip's own class."""
        target = self.data.labels.index(self.about.label)
        images, features = self.images.data, self.features.data
        return ClipInputs(self.clip_id, images, features, target, self.apex.frame)


def explained_clips(data: Data, sources: Sources, stack: ExitStack) -> Iterator[ExplainedClip]:
    """Yield the tested clips in the caches' order; CacheError, ProtocolError: other clips."""

    def opened(paths: Sequence[Path], kind: str | None) -> list[cache.Cache]:
        return [stack.enter_context(cache.open_cache(path, kind)) for path in paths]

    faces, features = opened(sources.faces, "faces"), opened(sources.features, "features")
    images = opened(sources.images, None)  # of method none they are the faces
    clips, names = manifest.read(sources.manifest), [name for c in faces for name in c.clip_ids]
    by_path = zip(sources.faces, faces, strict=True)
    check_same_clips(clips, {name: path for path, c in by_path for name in c.clip_ids})
    about = {clip.clip_id: clip for clip in clips}
    folds = read_folds(sources.folds, names)
    fold_of = {names[i]: fold.name for fold in folds for i in fold.test}
    for shards in zip(faces, images, features, strict=True):
        if len({tuple(shard.clip_ids) for shard in shards}) > 1:
            raise CacheError("the caches of one shard hold different clips: rebuild them")
        origin = tuple(str(shard.attributes["content_sha256"]) for shard in shards)
        for name in (name for name in shards[0].clip_ids if name in fold_of):
            face, image, feature = (shard[name] for shard in shards)
            yield ExplainedClip(data, about[name], face, image, feature, fold_of[name], origin)


@dataclass(frozen=True)
class FoldModel:
    """A fold's network, the clips that it was trained on, and the checksum of its training."""

    model: TrainedModel
    trained: frozenset[str]
    digest: str

    @classmethod
    def read(
        cls, settings: GradcamSettings, sources: Sources, fold: str, network: Backbone
    ) -> Self:
        """Read the model of a fold, trained under the first feature mode and seed."""
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
        """Return the model for a clip; ProtocolError when it was trained on the clip."""
        if clip.clip_id in self.trained:
            raise ProtocolError(
                f"clip {clip.clip_id}: the model of fold {clip.fold} was trained on it"
            )
        return self.model


def landmarks_px(face: cache.ClipCache, settings: Crop) -> np.ndarray:
    """Return landmarks in the crop, (5, 2): of the cache, or detected now in a cropped clip."""
    points = face.attributes.get("landmarks_px")
    if points is not None:
        return points.reshape(5, 2)
    detector = FaceDetector(min_score=settings.min_score, width_px=settings.detection_width_px)
    found = detector.detect(face.data[0])
    if found is None:
        raise DataError(f"clip {face.clip_id}: no face in its first crop (crop.min_score)")
    return found.landmarks


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
    apex, inputs = clip.apex, clip.inputs
    about = (clip.about.subject, clip.about.label, clip.fold, apex.frame, apex.known)
    attributes: dict[str, Any] = dict(zip(ABOUT, about, strict=True)) | {
        "fps": clip.face.attributes.positive("fps"),
        "transform": clip.transform.matrix.ravel(),
        "landmarks_px": landmarks_px(clip.face, crop).ravel(),
    }
    image = clip.images.data[apex.frame]
    maps = ClipMaps(attributes, image, explainer.at_apex(inputs, model, blocks))
    if full:
        # All blocks at some frames, and all frames at the last block that is measured.
        rows = np.unique(np.linspace(0, len(inputs) - 1, SHOWN_FRAMES).round().astype(int))
        every = range(1, explainer.backbone.n_blocks + 1)
        maps.frames, maps.images = rows, inputs.images[rows]
        maps.frame = explainer.over_time(inputs, model, rows, every)
        maps.frame |= explainer.before_training(inputs, rows, every)
        maps.clip = explainer.over_time(inputs, model, np.arange(len(inputs)), [max(blocks)])
    return maps


def truth_of(data: Data, clips: Sequence[ExplainedClip]) -> Truth | None:
    """Return what really moves; None where nobody knows."""
    if data.kind != "demo":
        return None
    sizes = {c.clip_id: scores.displacement_px(data.root, c.clip_id, c.transform) for c in clips}
    moving = {name: scores.moving_pixels(size) for name, size in sizes.items()}
    return Truth(moving, {c.clip_id: c.about.label for c in clips})


def score_rows(clip_id: str, maps: ClipMaps, truth: Truth | None) -> Iterator[dict[str, Any]]:
    """Yield a row of ``clips.csv`` for each model and block."""
    size_px = len(maps.image)
    regions = scores.region_map(maps.attributes["landmarks_px"], size_px)
    about = {name: maps.attributes[name] for name in ABOUT}
    for (model, block), values in maps.window.items():
        cam = scores.on_crop(values, size_px)
        row = {"clip_id": clip_id, **about, "model": model, "block": block}
        row |= scores.region_scores(cam, regions)
        row["like_trained"] = scores.rank_correlation(values, maps.window[TRAINED, block])
        yield row | (scores.motion_scores(cam, clip_id, truth) if truth else {})
