"""Stages that draw a run: its tables, its crops, its features, and one clip over time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from microexpr.config import Data, Train, Windows
from microexpr.config.base import Only, Settings, Without
from microexpr.magnify.methods import METHODS
from microexpr.stages import FaceCaches, FeatureCaches, Manifest, Option, Reads, Writes

ORIGINAL = "none"
Folder = Annotated[Path, Writes("folder of the figures")]


class KindSettings(Settings):
    """Whether the clips are generated: figures say so."""

    data: Annotated[Data, Only("kind")]


class QualitySettings(KindSettings):
    """What the sheets of crops follow from."""

    windows: Annotated[Windows, Without("order")]


class EmbeddingSettings(Settings):
    """What the figure of features follows from."""

    data: Annotated[Data, Only("kind", "labels")]


class FigureSettings(EmbeddingSettings):
    """What the figures of tables follow from."""

    train: Annotated[Train, Only("feature_modes")]


def figures(
    settings: FigureSettings,
    *,
    metrics: Annotated[Path, Reads("metrics.csv")],
    predictions: Annotated[Path, Reads("predictions.csv")],
    confusion: Annotated[Path, Reads("confusion.csv")],
    epochs: Annotated[
        list[Path], Reads("logs of the epochs: all methods, N and chunks (.epochs.csv)")
    ],
    folder: Folder,
) -> None:
    """Draw the tables of a run.

    The files are ``accuracy``, ``recall``, ``subjects``, and for each method and N
    ``confusion_<method>_N<n>`` and ``training_<method>_N<n>``, each as PDF, SVG and PNG.
    """
    import pandas as pd

    from microexpr.evaluation.metrics import read_results
    from microexpr.figures import style, tables
    from microexpr.protocol.predictions import read
    from microexpr.runtime.progress import track

    labels, mode = settings.data.labels, settings.train.feature_modes[0]
    synthetic = settings.data.kind == "demo"
    measured, answers = read_results(metrics, "metrics"), read([predictions], labels)
    counts = read_results(confusion, "confusion")
    curves = pd.concat([read_results(path, "epochs") for path in epochs], ignore_index=True)
    look: dict[str, Any] = {"feature_mode": mode, "synthetic": synthetic}
    with style.paper():
        style.save(tables.accuracy_against_n(measured, **look), folder / "accuracy")
        style.save(tables.recall_against_n(measured, **look), folder / "recall")
        style.save(tables.subject_accuracy(answers, **look), folder / "subjects")
        counts = counts[counts["feature_mode"] == mode]
        for name, title, mine in track(tables.cells(counts), "confusion matrices"):
            figure = tables.confusion_matrix(mine, classes=labels, title=title, synthetic=synthetic)
            style.save(figure, folder / f"confusion_{name}")
        for name, title, mine in track(tables.cells(curves), "training curves"):
            figure = tables.training_curves(mine, title=title, synthetic=synthetic)
            style.save(figure, folder / f"training_{name}")


def quality(settings: QualitySettings, *, faces: FaceCaches, folder: Folder) -> None:
    """Draw every clip's first crop, and what windows cover.

    The files are ``windows`` and pages ``crops_<number>``.
    """
    from contextlib import ExitStack
    from itertools import islice

    from microexpr.cache import open_cache
    from microexpr.figures import CROPS_A_PAGE, style
    from microexpr.figures.inputs import Crop, crop_sheet, window_coverage
    from microexpr.runtime.progress import track

    synthetic = settings.data.kind == "demo"
    with ExitStack() as stack, style.paper():
        shards = [stack.enter_context(open_cache(path, "faces")) for path in faces]
        lengths = [len(clip) for shard in shards for clip in shard]
        figure = window_coverage(lengths, settings.windows, synthetic=synthetic)
        style.save(figure, folder / "windows")
        pages = -(-len(lengths) // CROPS_A_PAGE)
        crops = (Crop.read(clip) for shard in shards for clip in shard)
        for page in track(range(1, pages + 1), "pages of crops"):
            shown = list(islice(crops, CROPS_A_PAGE))
            figure = crop_sheet(shown, page=page, pages=pages, synthetic=synthetic)
            style.save(figure, folder / f"crops_{page}")


def embedding(
    settings: EmbeddingSettings,
    *,
    features: FeatureCaches,
    manifest: Manifest,
    stem: Annotated[Path, Writes("the figure without a suffix: .pdf, .svg and .png are written")],
    method: Annotated[str, Option("name of the method, for the title")],
) -> None:
    """Draw t-SNE of the clips' features."""
    from microexpr.datasets.manifest import read
    from microexpr.evaluation.names import method_name
    from microexpr.figures import style
    from microexpr.figures.inputs import ClipFeatures, embedding

    clips = ClipFeatures.read(features, read(manifest))
    title = method_name(method)
    synthetic = settings.data.kind == "demo"
    with style.paper():
        figure = embedding(clips, settings.data.labels, title=title, synthetic=synthetic)
        style.save(figure, stem)


def motion(
    settings: KindSettings,
    *,
    faces: Annotated[Path, Reads("cache of faces")],
    magnified: Annotated[Sequence[Path], Reads("caches of magnified: all shards (.h5)")] = (),
    manifest: Manifest,
    folder: Folder,
    clip: Annotated[str, Option("name of the clip")],
) -> None:
    """Draw one clip over time, in all methods.

    The files are ``slices_<clip>``, and ``motion_<clip>.mp4`` with the methods beside each other.
    """
    from contextlib import ExitStack

    from microexpr.cache import open_cache
    from microexpr.cache.provenance import clip_of
    from microexpr.figures import style
    from microexpr.figures.motion import side_by_side, slice_column, time_slices, write_video
    from microexpr.protocol.predictions import method_order

    synthetic, label = settings.data.kind == "demo", clip_of(manifest, clip).label
    with ExitStack() as stack:
        face = stack.enter_context(open_cache(faces, "faces"))[clip]
        methods = {ORIGINAL: face.data}
        for path in magnified:
            found = stack.enter_context(open_cache(path, "magnified"))[clip]
            methods[str(found.attributes["method"])] = found.data
        order = [ORIGINAL, *(name for name in method_order(methods) if name != ORIGINAL)]
        methods = {name: methods[name] for name in order}
        points = face.attributes.get("landmarks_px")
        column = slice_column(points if points is None else points.reshape(5, 2), len(face.data[0]))
        with style.paper():
            figure = time_slices(
                methods,
                column,
                fps=face.attributes.positive("fps"),
                title=f"Clip {clip} ({label}): one column of pixels over time",
                synthetic=synthetic,
            )
            style.save(figure, folder / f"slices_{clip}")
        # A control looks like the original.
        seen = {k: images for k, images in methods.items() if not METHODS[k].control}
        video = side_by_side(seen, len(face), synthetic=synthetic)
        write_video(folder / f"motion_{clip}.mp4", video)
