"""Stage gradcam: where the networks of one method look."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from microexpr.config.report import GradcamSettings
from microexpr.errors import DataError
from microexpr.fingerprints.code import Code
from microexpr.stages import FOLDS, MANIFEST, Cache, File, Option, Stage

STAGE = Stage(
    "gradcam",
    "compute Grad-CAM maps of the networks of one method",
    settings=GradcamSettings,
    inputs={
        "faces": Cache("faces", many=True),
        "images": Cache("faces or magnified: what the networks see", many=True),
        "features": Cache("features", many=True),
        "models": File("folders of the folds' models (stage train --models)", many=True),
        "folds": FOLDS,
        "manifest": MANIFEST,
    },
    outputs={"folder": File("folder of maps.h5 and clips.csv")},
    options={"clips": Option("clips that are shown frame by frame", many=True, default=())},
    device=True,
)


def run(
    settings: GradcamSettings,
    *,
    faces: list[Path],
    images: list[Path],
    features: list[Path],
    models: list[Path],
    folds: Path,
    manifest: Path,
    folder: Path,
    clips: Sequence[str] = (),
    device: str = "cpu",
) -> None:
    """Explain every tested clip by the model of the fold that tests it.

    ``clips.csv`` has one row per clip, model and block. Finished clips are kept in ``progress/``
    until all are: a killed run goes on from there.

    Raises
    ------
    CacheError, DataError, ConfigError, WeightsError, ProtocolError
        When a clip is in no cache, a model is missing or has seen the clip, or a block does not
        exist.
    """
    import shutil
    from contextlib import ExitStack
    from functools import lru_cache

    import pandas as pd

    from microexpr.backbones.weights import network_of
    from microexpr.explain import maps as files
    from microexpr.explain.gradcam import ClipExplainer, last_of_each_size
    from microexpr.explain.inputs import (
        FoldModel,
        Sources,
        explained_clips,
        maps_of,
        score_rows,
        truth_of,
    )
    from microexpr.runtime import resume
    from microexpr.runtime.progress import track
    from microexpr.runtime.tables import write_table

    network, n = network_of(settings.features).to(device), settings.explain.n
    explainer = ClipExplainer(network, settings.features.cut, n=n, settings=settings.windows)
    blocks = settings.explain.blocks or last_of_each_size(network, settings.crop.size_px)
    sources = Sources(faces, images, features, models, folds, manifest)
    progress = folder / "progress"
    rows: list[dict[str, Any]] = []
    code = Code("gradcam", network=settings.features.backbone).accepted
    about = {"settings": settings.plain(), "blocks": list(blocks), "code": code}
    with ExitStack() as stack:
        tested = list(explained_clips(settings.data, sources, stack))
        if unknown := set(clips) - {clip.clip_id for clip in tested}:
            raise DataError(f"figures.clips: clip {min(unknown)} is tested in no fold")
        truth = truth_of(settings.data, tested)
        # Clips of a fold mostly stand together; a model with fine-tuned blocks is large.
        model_of = lru_cache(maxsize=1)(lambda f: FoldModel.read(settings, sources, f, network))
        with files.write(folder / "maps.h5", n=n, blocks=blocks) as file:
            for clip in track(tested, f"gradcam {folder.name}"):
                model, full = model_of(clip.fold), clip.clip_id in clips
                follows = about | {"clip": clip.follows, "model": model.digest, "full": full}
                path = resume.place(progress, follows, ".h5")
                if not path.is_file():
                    made = maps_of(
                        clip, explainer, model.of(clip), blocks, crop=settings.crop, full=full
                    )
                    with files.write(path) as kept:
                        files.add(kept, clip.clip_id, made)
                with files.read(path) as kept:
                    maps = kept[clip.clip_id]
                files.add(file, clip.clip_id, maps)
                rows += score_rows(clip.clip_id, maps, truth)
    write_table(folder / "clips.csv", pd.DataFrame(rows))
    shutil.rmtree(progress, ignore_errors=True)
