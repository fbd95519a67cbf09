"""Comparisons of two methods: the one that was named before the run, and all others."""

import pandas as pd

from microexpr.evaluation.rows import EXPLORATORY, PRIMARY
from microexpr.report.document import Block, Grid
from microexpr.report.results import Results, for_people


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
