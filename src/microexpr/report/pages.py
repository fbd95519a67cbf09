"""Pages of Snakemake's report: tables that a browser shows, which it does not do with CSV files.

The boxes that show and hide methods and columns are style sheets: pages work without scripts.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from microexpr.evaluation.names import feature_mode_name
from microexpr.evaluation.tables import ABOUT, CAPTION, sizes_of
from microexpr.report.document import Block, Document, Grid, Section, page, render
from microexpr.report.results import Reported, Results, for_people, method_name, warnings
from microexpr.runtime.names import apart
from microexpr.runtime.tables import read_text


def page_of(source: Path, config: Reported) -> str:
    """Show a table (.csv; DataError when it cannot be read or was changed) or a video (.mp4)."""
    if source.suffix == ".mp4":
        return video_page(source.stem, source.read_bytes(), config)
    table = read_text(source)
    if sizes_of(table):
        return accuracy_page(table, config)
    return table_page(source.stem, table, config)


def accuracy_page(table: pd.DataFrame, config: Reported) -> str:
    """Show ``table.csv`` or ``table_feature_modes.csv``, as text, with boxes for methods and N.

    Each value is in a ``td`` with the attributes ``data-method``, ``data-class`` and ``data-n``.
    """
    title = "Accuracy against N"
    if table.empty:
        return page(Document(title, [Section("Empty", ["There is no such feature mode."])]))
    return render(
        "accuracy.html",
        title=title,
        warnings=warnings(config),
        caption=CAPTION,
        methods={name: method_name(name) for name in table["method"].unique()},
        sizes={n: n for n in sizes_of(table)},
        rows=table.to_dict("records"),
        about=Grid(for_people(table.loc[:0, ABOUT])),
    )


def table_page(name: str, table: pd.DataFrame, config: Reported) -> str:
    """Show any table: names in place of identifiers, all other cells as the file has them."""
    section = Section(f"{len(table)} rows", [Grid(for_people(table))])
    return page(Document(name, [section], warnings(config)))


def video_page(name: str, content: bytes, config: Reported) -> str:
    """Show a video (MP4) that is part of the page; Snakemake's report only offers files to load."""
    data = base64.b64encode(content).decode()
    return render("video.html", title=name, warnings=warnings(config), data=data)


def cell_page(results: Results, predictions: pd.DataFrame, *, method: str, n: int) -> str:
    """Show one method at one N, by feature mode: metrics, confusions, and which clips failed."""
    sections = []
    for mode in results.config.train.feature_modes:
        metrics, rows = (
            frame[(frame["method"] == method) & (frame["n"] == n) & (frame["feature_mode"] == mode)]
            for frame in (results.metrics, predictions)
        )
        shares = [name for name in rows if str(name).startswith("p_")]
        columns = ["clip_id", "subject", "seed", "label", "predicted", *shares]
        blocks: list[Block] = [
            Grid(_metrics(metrics)),
            "Clips by label (rows) and prediction (columns), all seeds:",
            Grid(_confusion(rows, results.config.data.labels)),
            "Clips that were classified wrongly:",
            Grid(rows.loc[rows["predicted"] != rows["label"], columns]),
        ]
        sections.append(Section(f"Features: {feature_mode_name(mode)}", blocks))
    title = f"{method_name(method)}, N = {n}"
    return page(Document(title, sections, warnings(results.config)))


def _metrics(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[["metric", "class", "value", "low", "high"]].reset_index(drop=True)
    for name in ("value", "low", "high"):
        rows[name] = ["" if pd.isna(value) else f"{value:.4f}" for value in rows[name]]
    support = rows["metric"] == "support"
    rows.loc[support, "value"] = [value.partition(".")[0] for value in rows.loc[support, "value"]]
    return rows


def _confusion(rows: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    predicted = rows["predicted"].replace("", apart("no prediction", labels))
    counts = pd.crosstab(rows["label"], predicted)
    names = [*labels, *(name for name in counts if name not in labels)]
    counts = counts.reindex(index=list(labels), columns=names, fill_value=0)
    counts.columns.name = None
    return counts.rename_axis(apart("label", list(map(str, names)))).reset_index()
