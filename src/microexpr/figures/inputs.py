"""What the network is trained on: crops, windows of N frames, and where clips' features lie.

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
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from microexpr.cache import ClipCache, open_cache
from microexpr.cache.provenance import check_same_clips
from microexpr.config import Windows
from microexpr.datasets.manifest import Clip, natural
from microexpr.errors import DataError
from microexpr.evaluation.names import feature_mode_name
from microexpr.face.transform import CropTransform
from microexpr.figures import CROPS_A_PAGE, style
from microexpr.training.windows import windows

COLUMNS = 10
ROWS = CROPS_A_PAGE // COLUMNS
JITTER_PX = 0.35  # of the crop, rms from frame to frame: more than a micro-expression's own motion
SEEN = 0.98  # share of frames with a face below which the tile is marked
MAX_ROWS = 60  # windows drawn one by one; of more, evenly many are shown
MIN_CLIPS = 5
PERPLEXITY = 15.0
LEGEND_COLUMNS = 8


@dataclass(frozen=True)
class Crop:
    """What the sheet shows of a clip; box and landmarks are in px of the crop."""

    clip_id: str
    image: np.ndarray  # first crop, (y, x, 3) uint8
    box: np.ndarray | None  # corners of the face box, (4, 2)
    landmarks: np.ndarray | None  # (5, 2)
    jitter_px: float  # residual motion from frame to frame
    detected: float  # share of frames with a face

    @classmethod
    def read(cls, clip: ClipCache) -> Crop:
        """Take a clip of a cache of kind faces."""
        attributes = clip.attributes
        transform = CropTransform(attributes["transform"].reshape(2, 3), clip.data.shape[1])
        x, y, width, height = clip["box"][0]
        corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
        points = attributes.get("landmarks_px")
        return cls(
            clip.clip_id,
            clip.data[0],
            transform.points(corners) if np.isfinite(corners).all() else None,
            None if points is None else points.reshape(5, 2),
            float(attributes["jitter_px"]),
            float(attributes["detected_share"]),
        )

    @property
    def doubtful(self) -> bool:
        """Whether a person should look at it."""
        return self.jitter_px > JITTER_PX or self.detected < SEEN


def crop_sheet(crops: Sequence[Crop], *, page: int, pages: int, synthetic: bool) -> Figure:
    """Draw one page (from 1) of up to :data:`CROPS_A_PAGE` crops with box, landmarks and jitter."""
    doubtful = sum(crop.doubtful for crop in crops)
    title = (
        f"First crops, page {page} of {pages}: jitter (rms, px), frames with a face; "
        f"{doubtful} doubtful (> {JITTER_PX} px or < {SEEN:.0%})"
    )
    figure = style.new_figure(style.WIDTH_IN, 6.2, synthetic=synthetic, title=title)
    grid = figure.subplots(ROWS, COLUMNS)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, crop in zip(grid.flat, crops, strict=False):
        _tile(axes, crop)
    return figure


def _tile(axes: Axes, crop: Crop) -> None:
    style.show_image(axes, crop.image, style.WIDTH_IN / COLUMNS)
    if crop.box is not None:
        axes.add_patch(Polygon(crop.box, fill=False, edgecolor=style.SKY, linewidth=0.7))
    if crop.landmarks is not None:
        axes.plot(*crop.landmarks.T, "+", color=style.YELLOW, markersize=3, markeredgewidth=0.7)
    size = len(crop.image)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))  # boxes may reach beyond
    colour, weight = (style.VERMILION, "bold") if crop.doubtful else (style.BLACK, "normal")
    look: dict[str, Any] = {"fontsize": 5.2, "pad": 1.5, "color": colour, "fontweight": weight}
    axes.set_title(f"{crop.clip_id}\n{crop.jitter_px:.2f} px, {crop.detected:.0%}", **look)


def window_coverage(lengths: Sequence[int], settings: Windows, *, synthetic: bool) -> Figure:
    """Draw the windows of a clip of median length, how often each frame is seen, and how many."""
    figure = style.new_figure(style.WIDTH_IN, 3.0, synthetic=synthetic)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 0.8))
    length = int(np.median(lengths))
    _one_by_one(left, length, min(settings.n), settings)
    _coverage(middle, length, settings)
    _counts(right, lengths, settings)
    return figure


def _indices(length: int, n: int, settings: Windows) -> np.ndarray:
    """Return the windows of a clip; none where it is too short, whatever ``windows.short`` is."""
    short = "pad" if settings.short == "pad" else "drop"
    return windows(length, n, modes=settings.modes, even=settings.even, short=short)


def _one_by_one(axes: Axes, length: int, n: int, settings: Windows) -> None:
    found = _indices(length, n, settings)
    chosen = found[np.linspace(0, len(found) - 1, min(len(found), MAX_ROWS)).round().astype(int)]
    steps = chosen[:, -1] - chosen[:, -2] if len(chosen) else np.empty(0, int)
    colours = dict(zip(np.unique(steps), style.CLASS_COLOURS, strict=False))
    for row, (window, step) in enumerate(zip(chosen, steps, strict=True)):
        colour = colours.get(step, style.BLACK)
        axes.plot(window, np.full(n, row), color=colour, linewidth=0.3)
        axes.plot(window, np.full(n, row), ".", color=colour, markersize=1.6)
    for step, colour in colours.items():
        axes.plot([], [], ".", color=colour, label=f"step {step}")
    axes.set(xlim=(-1, length), xlabel="frame", ylabel=f"window ({len(chosen)} of {len(found)})")
    axes.invert_yaxis()
    axes.set_title(f"windows of N = {n}, clip of {length} frames")
    axes.legend(loc="upper right", handlelength=0.6)


def _coverage(axes: Axes, length: int, settings: Windows) -> None:
    taken = [_indices(length, n, settings).ravel() for n in settings.n]
    seen = np.array([np.bincount(frames, minlength=length) for frames in taken])
    cmap = style.mpl.colormaps[style.SEQUENTIAL].with_extremes(bad="white")
    image = axes.imshow(np.ma.masked_equal(seen, 0), cmap=cmap, aspect="auto", vmin=1)
    axes.set_yticks(range(len(settings.n)), map(str, settings.n))
    axes.set(xlabel="frame", ylabel="N (frames per window)")
    axes.set_title("how many windows see a frame")
    whole = MaxNLocator(integer=True)
    axes.figure.colorbar(image, ax=axes, label="windows (white: none)", ticks=whole)


def _counts(axes: Axes, lengths: Sequence[int], settings: Windows) -> None:
    counts = [[len(_indices(length, n, settings)) for length in lengths] for n in settings.n]
    look: dict[str, Any] = {"flierprops": {"markersize": 2}}
    look |= {"medianprops": {"color": style.VERMILION}}
    axes.boxplot(counts, orientation="horizontal", widths=0.5, **look)
    axes.set_yticks(range(1, len(settings.n) + 1), map(str, settings.n))
    axes.invert_yaxis()
    axes.set(xlabel="windows per clip", ylabel="N (frames per window)", xlim=(0, None))
    axes.grid(visible=True, axis="x")
    axes.set_title(f"all {len(lengths)} clips")


@dataclass(frozen=True)
class ClipFeatures:
    """A vector (clips, C), subject and label per clip: mean frames, or mean differences."""

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
