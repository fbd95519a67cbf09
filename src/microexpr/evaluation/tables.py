"""The files of results: tidy ones, and ``table.csv`` in the poster's shape, also for a terminal.

Accuracy is the number of correct predictions over all clips; the poster calls it Average, though it
is no mean of the rows below it. A class row is the recall of that class, the only per-class value
of which Accuracy is the mean, weighted by the clips of the classes. Whether the poster's class rows
are recall or precision is not stated; both are in ``metrics.csv``.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pandas as pd
from rich.table import Table
from rich.text import Text

from microexpr.config.evaluation import Primary
from microexpr.datasets import KINDS
from microexpr.datasets.manifest import parted
from microexpr.errors import DataError
from microexpr.evaluation import names, selection
from microexpr.evaluation.metrics import ALL
from microexpr.evaluation.pooled import MAJORITY, Basis, Evaluation, Key
from microexpr.evaluation.rows import comparisons, controls_table
from microexpr.protocol import SUBJECT_INDEPENDENT, predictions
from microexpr.runtime.files import AnyPath
from microexpr.runtime.names import apart
from microexpr.runtime.tables import read_text, write_table

ACCURACY = "Accuracy"
CAPTION = "Accuracy: of all clips; classes: recall. The best of several N is optimistic."
NESTED = "_nested"  # ends the method of a nested choice in metrics.csv
SHOWN = {"uf1": "UF1", "uar": "UAR"}  # of parts: what every paper on the composite prints
ABOUT = ["clips", "subjects", "seeds", "protocol", "backbone", "feature_mode", "data"]
FILES = (
    *("predictions.csv", "metrics.csv", "comparisons.csv", "controls.csv", "confusion.csv"),
    *("table.csv", "table_feature_modes.csv"),
)


def write_results(
    sources: Sequence[AnyPath],
    basis: Basis,
    folder: AnyPath,
    *,
    methods: Sequence[str],
    feature_modes: Sequence[str],
    n: Sequence[int],
    controls: Sequence[str] = (),
    inner: Sequence[AnyPath] = (),
    choices: selection.Choices | None = None,
    primary: Primary | None = None,
) -> None:
    """Evaluate predictions and write all of `FILES` into a folder; nothing where a check fails.

    Where clips are of several parts, ``test_sets.csv`` holds the metrics of each. The first of
    `feature_modes` fills ``table.csv``, the others ``table_feature_modes.csv``. `controls` are the
    methods that the predictions of trained controls name; `choices` are made on the predictions
    `inner`, and ``selected.csv`` is written. The comparison `primary` is tested alone.
    """
    choices, folder = choices or {}, Path(folder)
    everything, classes = predictions.read(sources, basis.classes), basis.classes
    candidates = {method for runs in choices.values() for method, _ in runs} - set(methods)
    controls = sorted(set(controls) - set(methods))
    others = [*controls, *candidates]
    frame = everything[~everything["method"].isin(others)]
    basis.check(frame)
    predictions.check_grid(frame, methods=methods, feature_modes=feature_modes, n=n)
    for method in others:
        rows = everything[everything["method"] == method]
        if rows.empty:
            raise DataError(f"the predictions lack method {method}")
        basis.check(rows)
    predictions.check_same_folds(everything)
    trained = everything[everything["method"].isin(controls)].groupby(predictions.SYSTEM)
    further, tables = {cast(Key, key): rows for key, rows in trained}, dict[str, pd.DataFrame]()
    if choices:
        watched = predictions.read(inner, classes)
        chosen, table = selection.nested(everything, watched, basis.clips, choices, classes=classes)
        tables["selected"], further = table, further | chosen
    evaluation = Evaluation(frame, basis, further)
    tables["metrics"] = metrics = evaluation.metrics()
    tables["comparisons"] = comparisons(evaluation, primary)
    tables["controls"] = controls_table(evaluation, controls)
    tables["confusion"] = evaluation.confusions()
    shown = metrics[~metrics["method"].isin(controls)]
    posters = [poster_table(shown, classes=classes, n=n, feature_mode=r) for r in feature_modes]
    more = pd.concat(posters[1:]) if posters[1:] else posters[0].iloc[:0]
    tables |= {"table_feature_modes": more, "table": posters[0]}
    if parted(basis.clips):
        tables["test_sets"] = part_metrics(evaluation)
    predictions.write(folder / "predictions.csv", frame)
    for name, table in tables.items():
        write_table(folder / f"{name}.csv", table)


def poster_table(
    metrics: pd.DataFrame, *, classes: Sequence[str], n: Sequence[int], feature_mode: str
) -> pd.DataFrame:
    """Arrange one feature mode as on the poster: a column per N, a row per method and class.

    Of each method Accuracy comes first (in brackets where a class is called so), and last what a
    nested choice gets, the same for every N where N was chosen. The last row is the accuracy of the
    most frequent class. DataError: `metrics` lack a cell.
    """
    chosen = metrics[metrics["feature_mode"] == feature_mode]
    if chosen.empty:
        raise DataError(f"no metrics for feature mode {feature_mode!r}")
    rows, overall = [], apart(ACCURACY, classes)
    beside = chosen["method"].str.endswith(NESTED)
    for method in predictions.method_order(chosen["method"][~beside]):
        mine = chosen[chosen["method"] == method].to_dict("records")
        cells = {(cell["n"], cell["metric"], cell["class"]): cell for cell in mine}
        for metric, name in (("accuracy", ALL), *(("recall", name) for name in classes)):
            if missing := [size for size in n if (size, metric, name) not in cells]:
                raise DataError(
                    f"no {metric} of method {method}, feature mode {feature_mode}, "
                    f"n {missing[0]}, {name}"
                )
            values = {size: cells[size, metric, name] for size in n}
            rows.append(_row(method, overall if metric == "accuracy" else name, values))
        rows += _nested_rows(chosen, method, n, overall)
    floor = _accuracies(metrics, MAJORITY)[0]
    rows.append(_row(MAJORITY, overall, dict.fromkeys(n, floor)))
    return pd.DataFrame(rows)


def sizes_of(table: pd.DataFrame) -> list[int]:
    """Return the N of ``table.csv``; their columns are :func:`column`'s."""
    found = (re.fullmatch(r"n_(\d+)", str(name)) for name in table)
    return [int(match[1]) for match in found if match]


def column(n: int, end: str = "") -> str:
    """Return the column of ``table.csv`` for N, or with `end` of its bound: _low or _high."""
    return f"n_{n}{end}"


def _nested_rows(
    metrics: pd.DataFrame, method: str, n: Sequence[int], overall: str
) -> list[dict[str, Any]]:
    cells = {cell["n"]: cell for cell in _accuracies(metrics, method + NESTED)}
    if not cells:
        return []
    if pd.isna(first := next(iter(cells))):
        return [_row(method, f"{overall}, N chosen", dict.fromkeys(n, cells[first]))]
    return [_row(method, f"{overall}, alpha chosen", {size: cells[size] for size in n})]


def _accuracies(metrics: pd.DataFrame, method: str) -> list[dict[Any, Any]]:
    rows = metrics[(metrics["method"] == method) & (metrics["metric"] == "accuracy")]
    return rows.to_dict("records")


def _row(method: str, name: str, cells: Mapping[int, Mapping[Any, Any]]) -> dict[str, Any]:
    about = next(iter(cells.values()))
    ends = ("low", "high")
    bounds = {column(n, f"_{end}"): cell[end] for n, cell in cells.items() for end in ends}
    return {
        **{"method": method, "class": name},
        **{column(n): cell["value"] for n, cell in cells.items()},
        **{key: about[key] for key in ABOUT},
        **bounds,
    }


def render_table(path: AnyPath) -> Table:
    """Lay ``table.csv`` out for a terminal; DataError: missing, changed, or of another shape."""
    frame = _read(path)
    sizes = sizes_of(frame)
    about = frame.iloc[0]
    title = (
        f"Accuracy against N: {about['clips']} clips, {about['subjects']} subjects, "
        f"{names.protocol_name(about['protocol'])}, {names.network_name(about['backbone'])}, "
        f"{names.feature_mode_name(about['feature_mode'])}"
    )
    table = Table(title=title, caption=_caption(about), box=None, padding=(0, 1, 0, 0))
    table.add_column("method")  # the only one that wraps in a narrow terminal
    table.add_column("class", no_wrap=True)
    for name in (*map(str, sizes), "best N: interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for method, rows in frame.groupby("method", sort=False):
        cells = rows.to_dict("records")
        best = max(sizes, key=lambda size: float(cells[0][column(size)]))
        prefix = "" if method == MAJORITY else f"{best}: "
        for i, row in enumerate(cells):
            low, high = (_short(row[column(best, end)]) for end in ("_low", "_high"))
            table.add_row(
                "" if i else names.method_name(str(method)),
                Text(row["class"]),
                *(_short(row[column(size)]) for size in sizes),
                f"{prefix}{low}-{high}" if low else "",
                style=None if i else "bold",
                end_section=i == len(cells) - 1,
            )
    return table


def _read(path: AnyPath) -> pd.DataFrame:
    frame = read_text(path)
    sizes = sizes_of(frame)
    bounds = [column(size, end) for size in sizes for end in ("_low", "_high")]
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


def _short(value: str) -> str:
    return f"{float(value):.2f}" if value else ""


def part_metrics(whole: Evaluation) -> pd.DataFrame:
    """Tabulate the metrics of all tested clips, and of each data set or official test set."""
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
