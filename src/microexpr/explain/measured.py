"""What is measured of a clip's maps: the maps themselves, and their scores by region and motion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from microexpr.config.data import Place
from microexpr.config.preprocessing import Detection
from microexpr.explain.clips import ClipExplainer, ClipInputs
from microexpr.explain.inputs import ExplainedClip, landmarks_px
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
from microexpr.training.model import TrainedModel

SHOWN_FRAMES = 6  # of a clip, from its first frame to its last
ABOUT = ("subject", "label", "fold", "apex", "apex_known")


def maps_of(
    clip: ExplainedClip,
    explainer: ClipExplainer,
    model: TrainedModel,
    blocks: Sequence[int],
    *,
    crop: Detection,
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
        "fps": float(clip.face.attributes["fps"]),
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


def truth_of(data: Place, clips: Sequence[ExplainedClip]) -> Truth | None:
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
