"""``table.csv`` for people: a terminal of 100 columns."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.table import Table

from microexpr.errors import DataError
from microexpr.evaluation import names
from microexpr.evaluation.pooled import MAJORITY
from microexpr.evaluation.tables import ABOUT, ACCURACY, CAPTION, sizes_of
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.runtime.files import AnyPath
from microexpr.runtime.tables import read_text


def print_table(path: AnyPath) -> None:
    """Print ``table.csv`` to standard output; DataError as `render_table`."""
    Console().print(render_table(path))


def render_table(path: AnyPath) -> Table:
    """Read ``table.csv`` and lay it out: two decimals, and the interval of each method's best N.

    Raises
    ------
    DataError
        When the file is missing, was changed after it was written, or has another shape.
    """
    frame = _read(path)
    sizes = sizes_of(frame)
    about = frame.iloc[0]
    origin = (
        names.protocol_name(about["protocol"]),
        names.network_name(about["backbone"]),
        names.feature_mode_name(about["feature_mode"]),
    )
    table = Table(
        title=f"Accuracy against N: {about['clips']} clips, {about['subjects']} subjects, "
        f"{', '.join(origin)}",
        caption=_caption(about),
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("method")  # the only one that wraps in a narrow terminal
    table.add_column("class", no_wrap=True)
    for name in (*sizes, "best N: interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for method, rows in frame.groupby("method", sort=False):
        cells = rows.to_dict("records")
        best = max(sizes, key=lambda size: float(cells[0][size]))
        for i, row in enumerate(cells):
            table.add_row(
                "" if i else names.method_name(str(method)),
                row["class"],
                *(_short(row[size]) for size in sizes),
                _interval(
                    row[f"{best}_low"], row[f"{best}_high"], "" if method == MAJORITY else best
                ),
                style="bold" if row["class"] == ACCURACY else None,
                end_section=i == len(cells) - 1,
            )
    return table


def _read(path: AnyPath) -> pd.DataFrame:
    frame = read_text(path)
    sizes = sizes_of(frame)
    bounds = [f"{size}_{side}" for size in sizes for side in ("low", "high")]
    missing = [c for c in ("method", "class", *ABOUT, *bounds) if c not in frame]
    if missing or not sizes or frame.empty:
        what = f"column {missing[0]} is missing" if missing else "it holds no value"
        raise DataError(f"{path}: not a table of accuracy against N: {what}")
    return frame


def _caption(about: pd.Series) -> str:
    lines = [CAPTION]
    if about["data"] == "synthetic":
        lines.insert(0, "SYNTHETIC DATA: generated faces; says nothing about people.")
    if not SUBJECT_INDEPENDENT.get(about["protocol"], False):
        protocol = names.protocol_name(about["protocol"])
        lines.insert(0, f"{protocol}: the same subjects are trained on and tested.")
    return "\n".join(lines)


def _interval(low: str, high: str, size: str) -> str:
    bounds = f"{_short(low)}-{_short(high)}" if low else ""
    return f"{size}: {bounds}" if bounds and size else bounds


def _short(value: str) -> str:
    return f"{float(value):.2f}" if value else ""
