"""Metrics of parts: the test sets of an official split, or the data sets of a composite."""

import re

import pandas as pd
from rich.table import Table

from microexpr.datasets import KINDS
from microexpr.evaluation import names
from microexpr.evaluation.metrics import ALL
from microexpr.evaluation.pooled import Evaluation

SHOWN = {"uf1": "UF1", "uar": "UAR"}  # what every paper on the composite prints


def part_metrics(whole: Evaluation) -> pd.DataFrame:
    """Tabulate the metrics of all tested clips and of each part: ``test_sets.csv``.

    The column test_set comes first; each fold of a part was trained as it was for all clips.
    """
    part = {clip.clip_id: clip.split for clip in whole.basis.clips}
    found = {ALL: whole.metrics()}
    for name, rows in whole.predictions.groupby(whole.predictions["clip_id"].map(part)):
        found[str(name)] = Evaluation(rows, whole.basis, folds=whole.fold_of).metrics()
    return pd.concat(found, names=["test_set"]).reset_index("test_set")


def render_parts(frame: pd.DataFrame) -> Table:
    """Lay ``test_sets.csv`` out for a terminal as papers do, UF1 and UAR of each part."""
    rows = frame[frame["metric"].isin(SHOWN)]
    parts = list(dict.fromkeys(rows["test_set"]))
    clips = rows.groupby("test_set")["clips"].first()
    protocol = names.protocol_name(frame["protocol"].iloc[0])
    table = Table(title=f"UF1 and UAR of all clips, and of each part: {protocol}", box=None)
    for name in ("method", "features", "N"):
        table.add_column(name)
    for part in parts:
        for short in SHOWN.values():
            table.add_column(f"{part_name(part)} ({clips[part]})\n{short}", justify="right")
    for (method, mode, n), own in rows.groupby(["method", "feature_mode", "n"], sort=False):
        cells = own.set_index(["test_set", "metric"])["value"]
        values = [f"{float(cells[part, metric]):.4f}" for part in parts for metric in SHOWN]
        features = names.feature_mode_name(str(mode))
        table.add_row(names.method_name(str(method)), features, str(n), *values)
    return table


def part_name(part: str) -> str:
    """Return the name of a part for people, such as CASME II of casme2."""
    if part == ALL:
        return "Full"
    return re.sub(r"[ -]*(part )?\{.*", "", KINDS[part].title) if part in KINDS else part
