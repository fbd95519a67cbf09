"""Pages of Snakemake's report: tables that a browser shows, which it does not do with CSV files.

A page holds everything itself. The boxes that show and hide methods and columns of N are style
sheets alone, so that a page also works where scripts are not allowed.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence

import pandas as pd

from microexpr.config import Config
from microexpr.report import document
from microexpr.report.document import Document, Grid, Section
from microexpr.report.results import Results, sizes, warnings

BEST = "Accuracy: the poster's Average; classes: recall. The best of several N is optimistic."
SHOWN = ["clips", "subjects", "seeds", "protocol", "backbone", "feature_mode", "data"]


def accuracy_page(table: pd.DataFrame, config: Config) -> str:
    """Show ``table.csv`` or ``table_feature_modes.csv`` with boxes for each method and each N.

    Parameters
    ----------
    table : DataFrame
        As text; values and bounds are shown with the digits that the file has.
    config : Config
        Says what has to be warned of.

    Returns
    -------
    str
        HTML. Each value is in a ``td`` with the attributes ``data-method``, ``data-class`` and
        ``data-n``.
    """
    title = "Accuracy against N"
    if table.empty:
        return document.page(
            Document(title, [Section("Empty", ["There is no such feature mode."])])
        )
    columns, methods = sizes(table), list(table["method"].unique())
    body = [
        f"<h1>{title}</h1>",
        document.warnings(warnings(config)),
        f"<p>{BEST}</p>",
        _boxes("method", methods),
        _boxes("n", columns),
        _accuracy_rows(table, columns),
        document.html_table(table[SHOWN].drop_duplicates()),
    ]
    style = "".join([*_hiding("method", methods), *_hiding("n", columns)])
    return document.wrapped(title, "\n".join(body), style)


def table_page(name: str, table: pd.DataFrame, config: Config) -> str:
    """Show any table, cell by cell as the file has it."""
    section = Section(f"{len(table)} rows", [Grid(table)])
    return document.page(Document(name, [section], warnings(config)))


def video_page(name: str, content: bytes, config: Config) -> str:
    """Show a video (MP4) that is part of the page; Snakemake's report only offers files to load."""
    data = base64.b64encode(content).decode()
    body = [
        f"<h1>{html.escape(name)}</h1>",
        document.warnings(warnings(config)),
        f'<video controls autoplay loop muted src="data:video/mp4;base64,{data}"></video>',
    ]
    return document.wrapped(name, "\n".join(body), "video { max-width: 100% }")


def cell_page(results: Results, predictions: pd.DataFrame, *, method: str, n: int) -> str:
    """Show one method at one N: all metrics, who was taken for what, and which clips went wrong.

    Parameters
    ----------
    results : Results
        The run.
    predictions : DataFrame
        ``predictions.csv``.
    method : str
        The method.
    n : int
        Frames a window.

    Returns
    -------
    str
        HTML, with a part for each feature mode.
    """
    sections = []
    for feature_mode in results.config.train.feature_modes:
        rows = predictions.query("method == @method and n == @n and feature_mode == @feature_mode")
        blocks = [
            Grid(_metrics(results, method, n, feature_mode)),
            "Clips by label (rows) and answer (columns), all seeds:",
            Grid(_confusion(rows, results.config.data.labels)),
            "Clips that were answered wrongly:",
            Grid(_wrong(rows)),
        ]
        sections.append(Section(f"Feature mode {feature_mode}", blocks))
    return document.page(Document(f"{method}, N = {n}", sections, warnings(results.config)))


def _metrics(results: Results, method: str, n: int, feature_mode: str) -> pd.DataFrame:
    rows = results.metrics.query("method == @method and n == @n and feature_mode == @feature_mode")
    rows = rows[["metric", "class", "value", "low", "high"]].reset_index(drop=True)
    for name in ("value", "low", "high"):
        rows[name] = ["" if pd.isna(value) else f"{value:.4f}" for value in rows[name]]
    support = rows["metric"] == "support"
    rows.loc[support, "value"] = [value.partition(".")[0] for value in rows.loc[support, "value"]]
    return rows


def _confusion(rows: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    counts = pd.crosstab(rows["label"], rows["predicted"].replace("", "no answer"))
    answers = [*labels, *(name for name in counts if name not in labels)]
    counts = counts.reindex(index=list(labels), columns=answers, fill_value=0)
    counts.columns.name = None
    return counts.reset_index()


def _wrong(rows: pd.DataFrame) -> pd.DataFrame:
    shares = [name for name in rows if name.startswith("p_")]
    columns = ["clip_id", "subject", "seed", "label", "predicted", *shares]
    return rows.loc[rows["predicted"] != rows["label"], columns]


def _boxes(kind: str, values: Sequence[str]) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" id="{kind}-{number}" checked> {html.escape(value)}</label> '
        for number, value in enumerate(values)
    )
    return f"<fieldset><legend>{'N' if kind == 'n' else kind}</legend>{boxes}</fieldset>"


def _hiding(kind: str, values: Sequence[str]) -> Iterator[str]:
    for number, value in enumerate(values):
        yield (
            f"body:has(#{kind}-{number}:not(:checked)) "
            f'[data-{kind}="{html.escape(value)}"] {{ display: none }}\n'
        )


def _accuracy_rows(table: pd.DataFrame, columns: Sequence[str]) -> str:
    heads = "".join(f'<th data-n="{n}">{n}</th>' for n in columns)
    rows = []
    for _, row in table.iterrows():
        method, name = html.escape(row["method"]), html.escape(row["class"])
        cells = "".join(
            f'<td data-n="{n}" data-method="{method}" data-class="{name}">{row[n]}'
            f"<small>{row[f'{n}_low']}-{row[f'{n}_high']}</small></td>"
            for n in columns
        )
        rows.append(
            f'<tr data-method="{method}"><td class="text">{method}</td>'
            f'<td class="text">{name}</td>{cells}</tr>'
        )
    head = f"<thead><tr><th class=text>method</th><th class=text>class</th>{heads}</tr></thead>"
    return f"<table>{head}\n<tbody>{''.join(rows)}</tbody></table>"
