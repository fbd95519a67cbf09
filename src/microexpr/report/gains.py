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
    from microexpr.magnify.clip_pixels import WHOLE_FRAMES  # noqa: PLC0415  (loads PyTorch)
    from microexpr.magnify.temporal import filter_gain, filtering_of  # noqa: PLC0415

    settings = results.whole.magnify
    methods = [name for name in results.methods if METHODS[name].function]
    clips = [clip for clip in results.clips if clip.length and clip.fps]
    if not methods or not clips:
        return ["No clip was magnified, or the lengths of the clips are not known."]
    found = {}
    with warnings.catch_warnings():  # given when the clips were magnified
        warnings.simplefilter("ignore", MicroexprWarning)
        for key in {(clip.length, clip.fps) for clip in clips}:
            gain = filter_gain(min(key[0], WHOLE_FRAMES), **filtering_of(settings, key[1]))
            found[key] = gain.realised
    values = pd.DataFrame(
        [(c.label, c.length, found[c.length, c.fps]) for c in clips],
        columns=["class", "frames", "gain"],
    )
    rows = []
    for name, of_class in values.groupby("class"):
        lengths = [f"{value:g}" for value in _range(of_class["frames"])]
        shares = [f"{value:.2f}" for value in _range(of_class["gain"])]
        rows.append([name, len(of_class), " / ".join(lengths), *shares])
    columns = ["class", "clips", "frames (least / median / most)", "least", "median", "largest"]
    divided = "alpha is divided by it" if settings.normalise_gain else "alpha is multiplied with it"
    named = plain(", ".join(map(method_name, methods)))
    return [
        f"Share of a motion that the temporal filter passes in a clip of its length, the same for "
        f"{named}; {divided}.",
        Grid(pd.DataFrame(rows, columns=columns)),
        WHY,
    ]


def _range(values: pd.Series) -> tuple[float, float, float]:
    return values.min(), values.median(), values.max()
