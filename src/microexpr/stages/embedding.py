"""Stage embedding: where the clips of one method lie to each other in the network's features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.evaluation.names import method_name
from microexpr.figures import style
from microexpr.figures.embedding import ClipFeatures, embedding


def run(
    config: Config, features: Sequence[Path], stem: Path, *, manifest_path: Path, method: str
) -> None:
    """Draw t-SNE of clip features, coloured by class and by subject.

    Parameters
    ----------
    config : Config
        Section ``data``.
    features : sequence of Path
        Caches of kind features: all shards of the method.
    stem : Path
        ``results/figures/tsne_<method>``, without a suffix.
    manifest_path : Path
        ``manifest.csv``: subjects and labels.
    method : str
        Name of the method.

    Raises
    ------
    CacheError, DataError
        When a file is not such a cache, the manifest is of other clips, or there are fewer than 5
        clips.
    """
    clips = ClipFeatures.read(features, manifest.read(manifest_path))
    title = method_name(method)
    with style.paper():
        synthetic = config.data.kind == "demo"
        style.save(embedding(clips, config.data.labels, title=title, synthetic=synthetic), stem)
