"""Stage embedding: how close the clips of one method are in the network's features."""

from __future__ import annotations

from pathlib import Path

from microexpr.config.base import Settings
from microexpr.config.data import LabelledKind
from microexpr.stages import MANIFEST, Cache, File, Option, Stage


class EmbeddingSettings(Settings):
    """What the figure follows from."""

    data: LabelledKind


STAGE = Stage(
    "embedding",
    "draw t-SNE of the clips' features",
    settings=EmbeddingSettings,
    inputs={"features": Cache("features", many=True), "manifest": MANIFEST},
    outputs={"stem": File("the figure without a suffix: .pdf, .svg and .png are written")},
    options={"method": Option("name of the method, for the title")},
)


def run(
    settings: EmbeddingSettings, *, features: list[Path], manifest: Path, stem: Path, method: str
) -> None:
    """Draw t-SNE of clip features, coloured by class and by subject.

    Raises
    ------
    CacheError, DataError
        When a file is not such a cache, the manifest is of other clips, or there are fewer than 5
        clips.
    """
    from microexpr.datasets.manifest import read
    from microexpr.evaluation.names import method_name
    from microexpr.figures import style
    from microexpr.figures.embedding import ClipFeatures, embedding

    clips = ClipFeatures.read(features, read(manifest))
    title = method_name(method)
    synthetic = settings.data.kind == "demo"
    with style.paper():
        figure = embedding(clips, settings.data.labels, title=title, synthetic=synthetic)
        style.save(figure, stem)
