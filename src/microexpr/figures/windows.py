"""What windows of N frames cover of a clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from microexpr.config import Windows
from microexpr.figures import style
from microexpr.training.windows import windows

MAX_ROWS = 60  # windows drawn one by one; of more, evenly many are shown


def window_coverage(lengths: Sequence[int], settings: Windows, *, synthetic: bool) -> Figure:
    """Draw the windows of a clip of median length, how often each frame is seen, and how many.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each clip.
    settings : Windows
        Section ``windows``.
    synthetic : bool
        Whether the data are generated.
    """
    figure = style.new_figure(style.WIDTH_IN, 3.0, synthetic=synthetic)
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 0.8))
    length = int(np.median(lengths))
    _one_by_one(left, length, min(settings.n), settings)
    _coverage(middle, length, settings)
    _counts(right, lengths, settings)
    return figure


def _indices(length: int, n: int, settings: Windows) -> np.ndarray:
    """Windows of a clip; none where it is too short, whatever the setting for short clips."""
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
    seen = np.array(
        [np.bincount(_indices(length, n, settings).ravel(), minlength=length) for n in settings.n]
    )
    cmap = style.mpl.colormaps[style.SEQUENTIAL].with_extremes(bad="white")
    image = axes.imshow(np.ma.masked_equal(seen, 0), cmap=cmap, aspect="auto", vmin=1)
    axes.set_yticks(range(len(settings.n)), settings.n)
    axes.set(xlabel="frame", ylabel="N (frames a window)")
    axes.set_title("how many windows see a frame")
    whole = MaxNLocator(integer=True)
    axes.figure.colorbar(image, ax=axes, label="windows (white: none)", ticks=whole)


def _counts(axes: Axes, lengths: Sequence[int], settings: Windows) -> None:
    counts = [[len(_indices(length, n, settings)) for length in lengths] for n in settings.n]
    axes.boxplot(
        counts,
        orientation="horizontal",
        widths=0.5,
        flierprops={"markersize": 2},
        medianprops={"color": style.VERMILION},
    )
    axes.set_yticks(range(1, len(settings.n) + 1), settings.n)
    axes.invert_yaxis()
    axes.set(xlabel="windows a clip", ylabel="N (frames a window)", xlim=(0, None))
    axes.grid(visible=True, axis="x")
    axes.set_title(f"all {len(lengths)} clips")
