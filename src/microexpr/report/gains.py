"""How much of the motion the temporal filter passes in the clips of each class."""

import warnings

import pandas as pd

from microexpr.errors import MicroexprWarning
from microexpr.magnify.methods import METHODS
from microexpr.report.document import Block, Grid, plain
from microexpr.report.results import Results, method_name

WHY = (
    "If the gain differs between the classes because their clips differ in length, so does what "
    "was done to them: with `magnify.normalise_gain` the noise, without it the magnified motion."
)


def gains(results: Results) -> list[Block]:
    """Return a table of the filter's realised gain, least, median and largest, by class."""
    from microexpr.magnify.stream import clip_gain  # noqa: PLC0415  (loads PyTorch)

    settings = results.whole.magnify
    methods = [name for name in results.methods if METHODS[name].function]
    clips = [clip for clip in results.clips if clip.length and clip.fps]
    if not methods or not clips:
        return ["No clip was magnified, or the lengths of the clips are not known."]
    kinds = {(clip.length, clip.fps) for clip in clips}
    with warnings.catch_warnings():  # given when the clips were magnified
        warnings.simplefilter("ignore", MicroexprWarning)
        found = {kind: clip_gain(kind[0], settings, kind[1]).realised for kind in kinds}
    values = pd.DataFrame(
        [(c.label, c.length, found[c.length, c.fps]) for c in clips],
        columns=["class", "frames", "gain"],
    )
    rows = []
    for name, of_class in values.groupby("class"):
        length, gain = of_class["frames"], of_class["gain"]
        lengths = [f"{value:g}" for value in (length.min(), length.median(), length.max())]
        shares = [f"{value:.2f}" for value in (gain.min(), gain.median(), gain.max())]
        rows.append([name, len(of_class), " / ".join(lengths), *shares])
    columns = ["class", "clips", "frames (least / median / most)", "least", "median", "largest"]
    divided = "alpha is divided by it" if settings.normalise_gain else "alpha is multiplied with it"
    named = plain(", ".join(map(method_name, methods)))
    about = "Share of a motion that the temporal filter passes in a clip of its length"
    grid = Grid(pd.DataFrame(rows, columns=columns))
    return [f"{about}, the same for {named}; {divided}.", grid, WHY]
