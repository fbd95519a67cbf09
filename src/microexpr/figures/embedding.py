"""t-SNE of clip features (van der Maaten and Hinton 2008), coloured by class and by subject.

Where clips gather by subject the features distinguish people, and a split in which subjects leak
would reward that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from microexpr.cache import open_cache
from microexpr.cache.provenance import check_same_clips
from microexpr.datasets.manifest import Clip, natural
from microexpr.errors import DataError
from microexpr.evaluation.names import feature_mode_name
from microexpr.figures import style

MIN_CLIPS = 5
PERPLEXITY = 15.0
LEGEND_COLUMNS = 8


@dataclass(frozen=True)
class ClipFeatures:
    """One vector (clips, C), subject and label per clip, standardised over the clips.

    ``raw`` vectors are means over the frames, the others means of differences to the first.
    """

    vectors: Mapping[str, np.ndarray]
    subjects: tuple[str, ...]
    labels: tuple[str, ...]

    @classmethod
    def read(cls, paths: Sequence[Path], clips: Sequence[Clip]) -> ClipFeatures:
        """Read the features of `clips`, averaged over the picture; CacheError: of other clips."""
        raw, moved, cached = {}, {}, {}
        for path in paths:
            with open_cache(path, "features") as cache:
                for clip in cache:
                    frames = clip.data[()].astype(np.float32).mean(axis=(2, 3))
                    raw[clip.clip_id] = frames.mean(axis=0)
                    moved[clip.clip_id] = (frames - frames[0]).mean(axis=0)
                    cached[clip.clip_id] = path
        check_same_clips(clips, cached)
        vectors = {
            feature_mode: _standardised([values[clip.clip_id] for clip in clips])
            for feature_mode, values in (("onset_difference", moved), ("raw", raw))
        }
        return cls(vectors, tuple(c.subject for c in clips), tuple(c.label for c in clips))


def _standardised(rows: Sequence[np.ndarray]) -> np.ndarray:
    values = np.stack(rows)
    sd = values.std(axis=0)
    return (values - values.mean(axis=0)) / (sd + 1e-3 * sd.mean() + 1e-12)


def same_neighbour(vectors: np.ndarray, names: Sequence[str]) -> tuple[float, float]:
    """Return the share of clips whose nearest neighbour has the same name, and that by chance."""
    groups = np.array(names)
    _, nearest = NearestNeighbors(n_neighbors=2).fit(vectors).kneighbors(vectors)
    other = np.where(nearest[:, 0] == np.arange(len(groups)), nearest[:, 1], nearest[:, 0])
    same = groups[:, None] == groups
    chance = (same.sum() - len(groups)) / (len(groups) * (len(groups) - 1))
    return float((groups == groups[other]).mean()), float(chance)


def embedding(
    features: ClipFeatures, classes: Sequence[str], *, title: str, synthetic: bool
) -> Figure:
    """Draw panels per feature mode, coloured by class and by subject; DataError: below 5 clips."""
    count = len(features.labels)
    if count < MIN_CLIPS:
        raise DataError(f"t-SNE needs {MIN_CLIPS} clips, there are {count}")
    title = f"{title}: t-SNE of {count} clips"
    figure = style.new_figure(style.WIDTH_IN, 5.6, synthetic=synthetic, title=title)
    grid = figure.subplots(len(features.vectors), 2, squeeze=False)
    subjects = sorted(set(features.subjects), key=natural)
    for row, (feature_mode, vectors) in zip(grid, features.vectors.items(), strict=True):
        perplexity = min(PERPLEXITY, (count - 1) / 3)
        # init pca and one fixed seed: the picture does not change from run to run.
        points = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(vectors)
        for axes, names, order, word in (
            (row[0], features.labels, list(classes), "class"),
            (row[1], features.subjects, subjects, "subject"),
        ):
            share, chance = same_neighbour(vectors, names)
            _scatter(axes, points, names, order)
            axes.set_title(
                f"{feature_mode_name(feature_mode)}, by {word}\n"
                f"nearest neighbour has the same {word}: {share:.0%} (chance {chance:.0%})"
            )
    for axes, place in zip(grid[0], ("outside lower left", "outside lower right"), strict=True):
        look: dict[str, Any] = {"loc": place, "ncols": LEGEND_COLUMNS}
        look |= {"handletextpad": 0.1, "columnspacing": 0.8}
        # By hand: matplotlib leaves names out that begin with an underscore.
        figure.legend(
            axes.collections, [str(mark.get_label()) for mark in axes.collections], **look
        )
    return figure


def _scatter(axes: Axes, points: np.ndarray, names: Sequence[str], order: Sequence[str]) -> None:
    groups = np.array(names)
    for number, name in enumerate(order):
        x, y = points[groups == name].T
        # Together they distinguish up to 49 groups.
        colour = style.CLASS_COLOURS[number % len(style.CLASS_COLOURS)]
        marker = style.MARKERS[(number + number // len(style.MARKERS)) % len(style.MARKERS)]
        look: dict[str, Any] = {"color": colour, "marker": marker, "label": name}
        axes.scatter(x, y, s=14, linewidths=0, alpha=0.85, **look)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
