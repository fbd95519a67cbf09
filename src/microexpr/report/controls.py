"""Controls beside their methods, and in words which of them are not below."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from microexpr.evaluation.names import feature_mode_name, method_name
from microexpr.report.document import Block, Grid
from microexpr.training.controls import CONTROLS


def trained_controls(table: pd.DataFrame) -> list[Block]:
    """Tabulate ``controls.csv``, a column per control, and say what is not shown because of one."""
    if table.empty:
        return ["No control was trained (`evaluate.controls`)."]
    rows = []
    for (method, mode), found in table.groupby(["method", "feature_mode"], sort=False):
        own = f"{found['accuracy'].iloc[0]:.2f}"
        names = [CONTROLS[str(name)].label for name in found["control"]]
        cells = dict(zip(names, found["control_accuracy"].map("{:.2f}".format), strict=True))
        about = {"method": method_name(str(method)), "features": feature_mode_name(str(mode))}
        rows.append(about | {"accuracy": own} | cells)
    grid = Grid(pd.DataFrame(rows).fillna("-"))
    first = table.iloc[0]
    return [
        f"Controls that are trained, N = {first['n']}, each beside its method:",
        grid,
        [*_not_below(table), *_above_chance(table)] or ["Every control is below its method."],
    ]


def _not_below(table: pd.DataFrame) -> list[str]:
    lines = []
    for control, rows in table[table["below"] == "false"].groupby("control", sort=False):
        row = CONTROLS[str(control)]
        lines.append(
            f"**{row.label}: not below the method**, so it is not shown that {row.lesson}: "
            f"{'; '.join(_cell(r) for r in rows.to_dict('records'))}."
        )
    return lines


def _above_chance(table: pd.DataFrame) -> list[str]:
    """Say which controls that must be at chance lie above the share of the most frequent class."""
    above = table[table["control_low"] > table["chance"]]
    return [
        f"**{CONTROLS[row['control']].label}: above chance**, which must not be: {_cell(row)}."
        for row in above.to_dict("records")
        if CONTROLS[row["control"]].chance
    ]


def _cell(row: Mapping[Any, Any]) -> str:
    """Return a comparison in words."""
    where = f"{method_name(row['method'])}, {feature_mode_name(row['feature_mode'])}"
    low, high = row["difference_low"], row["difference_high"]
    return (
        f"{where}, {row['control_accuracy']:.2f} beside {row['accuracy']:.2f} (difference "
        f"{low:+.2f} to {high:+.2f})"
    )
