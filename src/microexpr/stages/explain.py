"""Stages of Grad-CAM: where the networks look, as maps, in a table, on sheets and over frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from microexpr.config import Data, Explain, Train
from microexpr.config.base import Only
from microexpr.config.data import TITLE
from microexpr.config.evaluation import Confidence, GradcamSettings, TableSettings
from microexpr.errors import DataError
from microexpr.fingerprints.code import Code
from microexpr.stages import FaceCaches, FeatureCaches, Folds, Manifest, Option, Reads, Writes

TEXT = ("clip_id", "subject", "label", "fold", "apex_known", "model", "peak")  # of clips.csv


class ExplainSettings(TableSettings):
    """What the table and the figures follow from."""

    data: Annotated[Data, Only("kind", "root", *TITLE, "labels")]
    train: Annotated[Train, Only("feature_modes", "seeds")]
    evaluate: Confidence
    explain: Annotated[Explain, Only("n")]


def gradcam(
    settings: GradcamSettings,
    *,
    faces: FaceCaches,
    images: Annotated[
        list[Path], Reads("caches of faces or magnified: what the networks see: all shards (.h5)")
    ],
    features: FeatureCaches,
    models: Annotated[list[Path], Reads("folders of the folds' models (stage train --models)")],
    folds: Folds,
    manifest: Manifest,
    folder: Annotated[Path, Writes("folder of maps.h5 and clips.csv")],
    clips: Annotated[Sequence[str], Option("clips that are shown frame by frame")] = (),
    device: str = "cpu",
) -> None:
    """Compute Grad-CAM maps of the networks of one method.

    Every tested clip is explained by the model of the fold that tests it. Finished clips are kept
    in ``progress/`` until all are: a killed run goes on from there.
    """
    import shutil
    from contextlib import ExitStack
    from functools import lru_cache

    import pandas as pd

    from microexpr.backbones.weights import network_of
    from microexpr.explain import inputs
    from microexpr.explain import maps as files
    from microexpr.explain.gradcam import ClipExplainer, last_of_each_size
    from microexpr.runtime import resume
    from microexpr.runtime.progress import track
    from microexpr.runtime.tables import write_table

    network, n = network_of(settings.features).to(device), settings.explain.n
    explainer = ClipExplainer(network, settings.features.cut, n=n, settings=settings.windows)
    blocks = settings.explain.blocks or last_of_each_size(network, settings.crop.size_px)
    sources = inputs.Sources(faces, images, features, models, folds, manifest)
    progress = folder / "progress"
    rows: list[dict[str, Any]] = []
    code = Code("gradcam", network=settings.features.backbone).accepted
    about = {"settings": settings.plain(), "blocks": list(blocks), "code": code}
    with ExitStack() as stack:
        tested = list(inputs.explained_clips(settings.data, sources, stack))
        if unknown := set(clips) - {clip.clip_id for clip in tested}:
            raise DataError(f"figures.clips: clip {min(unknown)} is tested in no fold")
        truth = inputs.truth_of(settings.data, tested)
        # Clips of a fold mostly stand together; a model with fine-tuned blocks is large.
        model_of = lru_cache(maxsize=1)(
            lambda f: inputs.FoldModel.read(settings, sources, f, network)
        )
        with files.write(folder / "maps.h5", n=n, blocks=blocks) as file:
            for clip in track(tested, f"gradcam {folder.name}"):
                model, full = model_of(clip.fold), clip.clip_id in clips
                follows = about | {"clip": clip.follows, "model": model.digest, "full": full}
                path = resume.place(progress, follows, ".h5")
                if not path.is_file():
                    made = inputs.maps_of(
                        clip, explainer, model.of(clip), blocks, crop=settings.crop, full=full
                    )
                    with files.write(path) as kept:
                        files.add(kept, clip.clip_id, made)
                with files.read(path) as kept:
                    maps = kept[clip.clip_id]
                files.add(file, clip.clip_id, maps)
                rows += inputs.score_rows(clip.clip_id, maps, truth)
    write_table(folder / "clips.csv", pd.DataFrame(rows))
    shutil.rmtree(progress, ignore_errors=True)


def explain(
    settings: ExplainSettings,
    *,
    maps: Annotated[
        list[Path], Reads("maps.h5 of stage gradcam: all methods; clips.csv lies beside")
    ],
    manifest: Manifest,
    folder: Annotated[Path, Writes("folder of regions.csv and the figures")],
    shown: Annotated[Sequence[str], Option("clips that are shown frame by frame")] = (),
) -> None:
    """Tabulate and draw Grad-CAM maps.

    The files are ``regions.csv``; figures ``regions``, ``shares``, ``classes``, ``control`` and,
    for generated clips, ``pointing``; of each clip shown ``blocks/<method>_<clip>``,
    ``backbone/<clip>`` and ``overlay/<method>_<clip>``.
    """
    from contextlib import ExitStack

    import pandas as pd

    from microexpr.datasets import title
    from microexpr.datasets.decoder import decode
    from microexpr.datasets.manifest import read
    from microexpr.explain import drawing
    from microexpr.explain import maps as files
    from microexpr.explain.scores import region_table
    from microexpr.figures import style
    from microexpr.runtime.progress import track
    from microexpr.runtime.tables import read_table, write_table

    data, synthetic = settings.data, settings.data.kind == "demo"
    folders = [path.parent for path in maps]
    rows = [read_table(f / "clips.csv", text=TEXT).assign(method=f.name) for f in folders]
    table = region_table(
        pd.concat(rows), classes=data.labels, level=settings.evaluate.confidence
    ).assign(
        n=settings.explain.n,
        feature_mode=settings.train.feature_modes[0],
        seed=settings.train.seeds[0],
        protocol=settings.protocol.name,
        backbone=settings.features.backbone,
        cut=settings.features.cut,
        confidence=settings.evaluate.confidence,
        data=title(data),
    )
    sources = {clip.clip_id: clip for clip in read(manifest)}
    with ExitStack() as stack:
        found = {f.name: stack.enter_context(files.read(f / "maps.h5")) for f in folders}
        with style.paper():
            figures = drawing.figures_of(table, found, classes=data.labels, synthetic=synthetic)
            for name, figure in figures.items():
                style.save(figure, folder / name)
            for clip in track(shown, "sheets"):
                drawing.save_clip_sheets(found, clip, folder, synthetic)
        for clip in track(shown, "overlays"):
            for method, clips in found.items():
                frames = (f for part in decode(Path(data.root), sources[clip]) for f in part.rgb)
                stem = folder / "overlay" / f"{method}_{clip}"
                drawing.save_overlays(clips[clip], frames, method, stem, synthetic)
    write_table(folder / "regions.csv", table)
