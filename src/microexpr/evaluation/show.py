"""``table.csv`` for people: a terminal of 100 columns."""

from __future__ import annotations

import os

import pandas as pd
from rich.console import Console
from rich.table import Table

from microexpr.errors import DataError
from microexpr.evaluation.pooled import MAJORITY
from microexpr.evaluation.tables import ABOUT, ACCURACY
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.runtime.tables import read_text

SYNTHETIC = "synthetic"


def render_table(path: str | os.PathLike[str]) -> Table:
    """Read ``table.csv`` and lay it out: two decimals, and the interval of each method's best N.

    Parameters
    ----------
    path : path-like
        From `microexpr.evaluation.tables.write_results`.

    Returns
    -------
    rich.table.Table
        The title says what the values rest on; the caption, what they must not be taken for.

    Raises
    ------
    DataError
        When the file is missing, was changed after it was written, or has another shape.
    """
    frame = _read(path)
    sizes = [column for column in frame if column.isdigit()]
    about = frame.iloc[0]
    table = Table(
        title=f"Accuracy against N: {about.clips} clips, {about.subjects} subjects, "
        f"{about.protocol}, {about.backbone}, {about.feature_mode}",
        caption=_caption(about),
        box=None,
        padding=(0, 1, 0, 0),
    )
    for name in ("method", "class"):
        table.add_column(name, no_wrap=True)
    for name in (*sizes, "best N: interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for method, rows in frame.groupby("method", sort=False):
        best = max(sizes, key=lambda size: float(rows.iloc[0][size]))
        for i, (_, row) in enumerate(rows.iterrows()):
            table.add_row(
                "" if i else str(method),
                row["class"],
                *(_short(row[size]) for size in sizes),
                _interval(row, best, named=method != MAJORITY),
                style="bold" if row["class"] == ACCURACY else None,
                end_section=i == len(rows) - 1,
            )
    return table


def print_table(path: str | os.PathLike[str]) -> None:
    """Print ``table.csv`` to standard output.

    Raises
    ------
    DataError
        As `render_table`.
    """
    Console().print(render_table(path))


def _read(path: str | os.PathLike[str]) -> pd.DataFrame:
    frame = read_text(path)
    sizes = [column for column in frame if column.isdigit()]
    bounds = [f"{size}_{side}" for size in sizes for side in ("low", "high")]
    missing = [c for c in ("method", "class", *ABOUT, *bounds) if c not in frame]
    if missing or not sizes or frame.empty:
        what = f"column {missing[0]} is missing" if missing else "it holds no value"
        raise DataError(f"{path}: not a table of accuracy against N: {what}")
    return frame


def _caption(about: pd.Series) -> str:
    lines = [
        "Accuracy: the poster's Average; classes: recall. The best of several N is optimistic."
    ]
    if about.data == SYNTHETIC:
        lines.insert(0, "SYNTHETIC DATA: generated faces; says nothing about people.")
    if not SUBJECT_INDEPENDENT.get(about.protocol, False):
        lines.insert(0, f"{about.protocol}: the same subjects are trained on and tested.")
    return "\n".join(lines)


def _interval(row: pd.Series, size: str, *, named: bool) -> str:
    low, high = row[f"{size}_low"], row[f"{size}_high"]
    if not low:
        return ""
    bounds = f"{_short(low)}-{_short(high)}"
    return f"{size}: {bounds}" if named else bounds


def _short(value: str) -> str:
    return f"{float(value):.2f}" if value else ""
