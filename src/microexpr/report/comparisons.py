"""Comparisons: of two methods, of methods with their controls, of the filter's gain by class."""

import warnings
from typing import Any

import pandas as pd

from microexpr.errors import MicroexprWarning
from microexpr.evaluation.rows import EXPLORATORY, PRIMARY
from microexpr.magnify.methods import METHODS
from microexpr.report.document import Block, Grid, plain
from microexpr.report.results import Results, for_people, method_name
from microexpr.training.controls import CONTROLS

WHY = (
    "If the gain differs between the classes because their clips differ in length, so does what "
    "was done to them: with `magnify.normalise_gain` the noise, without it the magnified motion."
)


def primary(results: Results) -> str:
    """Say what came out of the comparison that was named before the run."""
    found = for_people(results.comparisons[results.comparisons["role"] == PRIMARY])
    if found.empty:
        return "There is one method, and nothing to compare it with."
    row = found.iloc[0]
    low, high = row["difference_low"], row["difference_high"]
    interval = "" if pd.isna(low) else f" ({row['confidence']:.0%}: {low:+.2f} to {high:+.2f})"
    return (
        "**The primary comparison**, named before the run and tested alone: "
        f"{row['method_a']} minus {row['method_b']}, {row['metric']}, N = {row['n']}, "
        f"{row['feature_mode']}: **{row['difference']:+.2f}**{interval}, p {p_value(row['p'])} "
        f"(permutation test over {row['subjects']} subjects, {row['clips']} clips)."
    )


def exploratory(results: Results) -> list[Block]:
    """Tabulate all other comparisons: one family, over which p is corrected."""
    level = 1 - results.whole.evaluate.confidence
    tests = results.comparisons[results.comparisons["role"] == EXPLORATORY]
    if tests.empty:
        return []
    rows = []
    groups = for_people(tests).groupby(["method_a", "method_b", "feature_mode"], sort=False)
    for (first, second, mode), found in groups:
        low, high = found["difference"].min(), found["difference"].max()
        where = ", ".join(map(str, found["n"][found["p_holm"] <= level])) or "none"
        between, smallest = f"{low:+.2f} to {high:+.2f}", p_value(found["p_holm"].min())
        rows.append([f"{first} - {second}", mode, between, where, smallest.removeprefix("= ")])
    columns = ["pair", "features", "difference of accuracy", f"N with p <= {level:.2g}", "least p"]
    subjects = int(tests["subjects"].iloc[0])
    return [
        f"Exploratory: all other comparisons of two methods on the same clips ({len(tests)}), by "
        "permutation tests over subjects, with Holm's correction over all of them (the least p "
        f"that {subjects} subjects allow: {min(1, len(tests) * 2 / 2**subjects):.2g}):",
        Grid(pd.DataFrame(rows, columns=columns)),
    ]


def p_value(p: float) -> str:
    """Return ``= p`` with four decimals, or that p is less than these show."""
    return "< 0.0001" if p < 0.0001 else f"= {p:.4f}"


def trained_controls(table: pd.DataFrame) -> list[Block]:
    """Tabulate ``controls.csv``, a column per control, and say what is not shown because of one."""
    if table.empty:
        return ["No control was trained (`evaluate.controls`)."]
    table, rows = for_people(table), []
    for (method, mode), found in table.groupby(["method", "feature_mode"], sort=False):
        about = {"method": method, "features": mode, "accuracy": found["accuracy"].iloc[0]}
        labels = [CONTROLS[str(name)].label for name in found["control"]]
        rows.append(about | dict(zip(labels, found["control_accuracy"], strict=True)))
    shown = pd.DataFrame(rows)
    shown = shown.map(lambda cell: f"{cell:.2f}" if isinstance(cell, float) else cell)
    said = []
    for name, found in table[table["below"] == "false"].groupby("control", sort=False):
        control, cells = CONTROLS[str(name)], "; ".join(map(_cell, found.to_dict("records")))
        text = f"**{control.label}: not below the method**, so it is not shown that"
        said.append(f"{text} {control.lesson}: {cells}.")
    for row in table[table["control_low"] > table["chance"]].to_dict("records"):
        if (control := CONTROLS[row["control"]]).chance:  # it must lie at the most frequent class
            text = f"**{control.label}: above chance**, which must not be:"
            said.append(f"{text} {_cell(row)}.")
    return [
        f"Controls that are trained, N = {table['n'].iloc[0]}, each beside its method:",
        Grid(shown.replace("nan", "-")),
        said or ["Every control is below its method."],
    ]


def _cell(row: dict[Any, Any]) -> str:
    """Return a comparison in words."""
    low, high = row["difference_low"], row["difference_high"]
    return (
        f"{row['method']}, {row['feature_mode']}, {row['control_accuracy']:.2f} beside "
        f"{row['accuracy']:.2f} (difference {low:+.2f} to {high:+.2f})"
    )


def gains(results: Results) -> list[Block]:
    """Return a table of the filter's realised gain, least, median and largest, by class."""
    from microexpr.magnify.stream import clip_gain  # noqa: PLC0415  (loads PyTorch)

    settings = results.whole.magnify
    methods = [name for name in results.methods if METHODS[name].function]
    clips = [clip for clip in results.clips if clip.length and clip.fps]
    if not methods or not clips:
        return ["No clip was magnified, or the lengths of the clips are not known."]
    with warnings.catch_warnings(action="ignore", category=MicroexprWarning):  # given before
        kinds = {(clip.length, clip.fps) for clip in clips}
        found = {kind: clip_gain(kind[0], settings, kind[1]).realised for kind in kinds}
    cells = [(c.label, c.length, found[c.length, c.fps]) for c in clips]
    values = pd.DataFrame(cells, columns=["class", "frames", "gain"])
    rows = []
    for name, of_class in values.groupby("class"):
        ends = of_class[["frames", "gain"]].agg(["min", "median", "max"])
        lengths = " / ".join(map("{:g}".format, ends["frames"]))
        rows.append([name, len(of_class), lengths, *map("{:.2f}".format, ends["gain"])])
    columns = ["class", "clips", "frames (least / median / most)", "least", "median", "largest"]
    divided = "alpha is divided by it" if settings.normalise_gain else "alpha is multiplied with it"
    named = plain(", ".join(map(method_name, methods)))
    about = "Share of a motion that the temporal filter passes in a clip of its length"
    grid = Grid(pd.DataFrame(rows, columns=columns))
    return [f"{about}, the same for {named}; {divided}.", grid, WHY]
