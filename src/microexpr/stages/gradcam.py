"""Stage gradcam: where the networks of one method look."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from microexpr import backbones
from microexpr.config import Config, Crop
from microexpr.errors import DataError
from microexpr.explain import maps as files
from microexpr.explain.clips import ClipExplainer, ClipInputs
from microexpr.explain.gradcam import last_of_each_size
from microexpr.explain.inputs import (
    ExplainedClip,
    FoldModel,
    Sources,
    explained_clips,
    landmarks_px,
)
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
from microexpr.fingerprints.code import Code
from microexpr.runtime import resume
from microexpr.runtime.progress import track
from microexpr.runtime.tables import write_table
from microexpr.stages import part
from microexpr.training.trained import TrainedModel

SHOWN_FRAMES = 6  # of a clip, from its first frame to its last
ABOUT = ("subject", "label", "fold", "apex", "apex_known")


def run(
    config: Config,
    sources: Sources,
    folder: Path,
    *,
    shown: Sequence[str],
    device: str = "cpu",
) -> None:
    """Explain every tested clip by the model of the fold that tests it.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``crop``, ``windows``, ``features``, ``train`` and ``explain``.
    sources : Sources
        What is read.
    folder : Path
        ``results/gradcam/<method>``: ``maps.h5`` and ``clips.csv``, one row per clip, model and
        block.
        Finished clips are kept in ``progress/`` until all are: a killed run goes on from there.
    shown : sequence of str
        Clips whose maps are kept frame by frame, at all blocks.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    CacheError, DataError, ConfigError, WeightsError, ProtocolError
        When a clip is in no cache, a model is missing or has seen the clip, or a block does not
        exist.
    """
    network, settings = _network(config, device), config.explain
    explainer = ClipExplainer(network, config.features.cut, n=settings.n, settings=config.windows)
    blocks = settings.blocks or last_of_each_size(network, config.crop.size_px)
    with ExitStack() as stack:
        clips = list(explained_clips(config, sources, stack))
        if unknown := set(shown) - {clip.clip_id for clip in clips}:
            raise DataError(f"figures.clips: clip {min(unknown)} is tested in no fold")
        truth, progress = _truth(config, clips), folder / "progress"
        # Clips of a fold mostly stand together; a model with retrained blocks is large.
        model_of = lru_cache(maxsize=1)(lambda f: FoldModel.read(config, sources, f, network))
        rows: list[dict[str, Any]] = []
        with files.write(folder / "maps.h5", n=settings.n, blocks=blocks) as file:
            for clip in track(clips, f"gradcam {folder.name}"):
                model, full = model_of(clip.fold), clip.clip_id in shown
                path = resume.place(progress, _about(config, clip, model, blocks, full), ".h5")
                if not path.is_file():
                    found = _explain(
                        clip, explainer, model.of(clip), blocks, crop=config.crop, full=full
                    )
                    with files.write(path) as kept:
                        files.add(kept, clip.clip_id, found)
                with files.read(path) as kept:
                    maps = kept[clip.clip_id]
                files.add(file, clip.clip_id, maps)
                rows += _scores(clip.clip_id, maps, truth)
    write_table(folder / "clips.csv", pd.DataFrame(rows))
    shutil.rmtree(progress, ignore_errors=True)


def _about(
    config: Config, clip: ExplainedClip, model: FoldModel, blocks: Sequence[int], full: bool
) -> dict[str, Any]:
    """Return all that the maps of a clip follow from."""
    return {
        "settings": part(config, "gradcam"),
        "clip": [clip.clip_id, clip.about.subject, clip.label, clip.origin],
        "model": model.digest,
        "blocks": list(blocks),
        "full": full,
        "code": Code("gradcam", network=config.features.backbone).accepted,
    }


def _explain(
    clip: ExplainedClip,
    explainer: ClipExplainer,
    model: TrainedModel,
    blocks: Sequence[int],
    *,
    crop: Crop,
    full: bool,
) -> ClipMaps:
    maps = ClipMaps(
        _attributes(clip, landmarks_px(clip.face, crop)),
        clip.images.data[clip.apex.frame],
        explainer.at_apex(clip.inputs, model, blocks),
    )
    if full:
        _add_frames(maps, explainer, clip.inputs, model, blocks)
    return maps


def _network(config: Config, device: str) -> backbones.Backbone:
    weights = config.features.weights
    network = backbones.build(
        config.features.backbone,
        weights_path=weights and weights.path,
        weights_sha256=weights and weights.sha256,
    )
    return network.to(device)


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


def _truth(config: Config, clips: Sequence[ExplainedClip]) -> Truth | None:
    """What really moves, where somebody knows."""
    if config.data.kind != "demo":
        return None
    root = config.data.root
    return Truth(
        {c.clip_id: moving_pixels(displacement_px(root, c.clip_id, c.transform)) for c in clips},
        {c.clip_id: c.label for c in clips},
    )


def _scores(clip_id: str, maps: ClipMaps, truth: Truth | None) -> Iterator[dict[str, Any]]:
    size_px = len(maps.image)
    regions = region_map(maps.attributes["landmarks_px"], size_px)
    about = {name: maps.attributes[name] for name in ABOUT}
    for (model, block), values in maps.window.items():
        cam = on_crop(values, size_px)
        row = {"clip_id": clip_id, **about, "model": model, "block": block}
        row |= region_scores(cam, regions)
        row["like_trained"] = rank_correlation(values, maps.window[TRAINED, block])
        yield row | (motion_scores(cam, clip_id, truth) if truth else {})
