"""``summary.md``: on one page what was run, on what, what came out and what it does not show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import yaml

from microexpr.config import Config
from microexpr.evaluation.pooled import MAJORITY
from microexpr.evaluation.tables import ACCURACY, NESTED
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.report.document import Code, Document, Grid, Items, Section
from microexpr.report.limits import count, left_out, limits
from microexpr.report.results import Results, warnings

CONTROLS = {
    "majority": "commonest class of the tested clips",
    "majority_training": "commonest class of each fold's training clips",
    "stratified_random": "drawn with the training clips' frequencies",
    "single_frame": "trained on the middle frame alone",
    "permuted_labels": "trained on labels that changed places",
}
BEST = ["method", "best N", "accuracy", "interval", "UF1", "UAR", "N above majority"]


def summary(results: Results, origins: pd.DataFrame) -> Document:
    """Put the page together.

    Parameters
    ----------
    results : Results
        The tables and the configuration.
    origins : DataFrame
        From `microexpr.report.results.origins`.
    """
    return Document(
        "Summary of a run",
        [
            Section("What was run", [Items(_what(results))]),
            Section("What was left out", left_out(results.config, results.findings)),
            Section("What came out", _outcome(results)),
            Section("What it does not show", [Items(limits(results))]),
            Section("Configuration", _configuration(results.config)),
            Section("Versions and checksums", _versions(origins)),
        ],
        warnings(results.config),
    )


def configuration(config: Config, text: str, origins: pd.DataFrame) -> Document:
    """Show every key of a run, and all versions and checksums.

    Parameters
    ----------
    config : Config
        All sections.
    text : str
        The same as YAML.
    origins : DataFrame
        From `microexpr.report.results.origins`.
    """
    return Document(
        "Configuration, versions and checksums",
        [
            Section("Versions and checksums", [Grid(origins)]),
            Section("Configuration", ["As `configuration.yaml`:", Code(text)]),
        ],
        warnings(config),
    )


def _what(results: Results) -> list[str]:
    config, metrics = results.config, results.metrics.iloc[0]
    labels = Counter(clip.label for clip in results.clips)
    classes = ", ".join(f"{labels[name]} {name}" for name in config.data.labels)
    subjects = len({clip.subject for clip in results.clips})
    others = f"; left out: {count(results.findings)}" if results.findings else ""
    source = "SYNTHETIC, generated faces" if results.data == "synthetic" else results.data
    magnify, windows, train = config.magnify, config.windows, config.train
    low, high = magnify.passband_hz
    apart = SUBJECT_INDEPENDENT[config.protocol.name]
    return [
        f"Data: {source}: {len(results.clips)} clips ({classes}) of {subjects} subjects{others}.",
        f"Methods: {', '.join(f'`{m}`' for m in results.methods)}; alpha {magnify.alpha:g}, "
        f"{low:g} to {high:g} Hz, filter {magnify.temporal_filter}.",
        f"Windows of N = {', '.join(results.sizes)} frames, {' and '.join(windows.modes)}; a "
        f"clip's answer from its windows: {config.protocol.clip_decision}.",
        f"Network: {config.features.backbone}, frozen up to block B{config.features.cut}; then "
        f"{train.head} on the feature mode `{results.feature_mode}`, {train.epochs} epochs, seeds "
        f"{', '.join(map(str, train.seeds))}.",
        f"Protocol: {config.protocol.name}, "
        + ("no subject" if apart else "subjects")
        + f" both trained on and tested; {metrics['clips']} clips of {metrics['subjects']} "
        "subjects tested, metrics computed once on all of them.",
        f"Intervals: {metrics['confidence']:.0%}, {config.evaluate.bootstrap} resamples of the "
        "subjects.",
    ]


def _outcome(results: Results) -> list[str | Items | Grid | Code]:
    chosen, controls = results.beside()
    blocks: list[str | Items | Grid | Code] = [
        f"{ACCURACY} is accuracy, class rows are recall. All digits, intervals and metrics: "
        "`table.csv`, `metrics.csv`.",
        Grid(_rounded(results)),
        "**The best of several N is optimistic**: it was found by looking at the test clips. An N "
        "is above the majority when its whole interval lies above that line.",
        Grid(_best(results)),
    ]
    if len(chosen):
        blocks += [
            "Chosen on inner folds of the training clips, which is not optimistic:",
            Grid(_accuracies(chosen, "choice")),
        ]
    meaning = controls["method"].map(CONTROLS)
    return [
        *blocks,
        "Controls:",
        Grid(_accuracies(controls, "control").assign(meaning=meaning.to_numpy())),
        "Differences of two methods on the same clips, exact McNemar test, Holm's correction over the "
        "N of a pair (not over the pairs):",
        *_differences(results),
    ]


def _rounded(results: Results) -> pd.DataFrame:
    table = results.table[["method", "class", *results.sizes]].copy()
    for size in results.sizes:
        table[size] = [_two(cell) for cell in table[size].astype(float)]
    return table


def _best(results: Results) -> pd.DataFrame:
    accuracy = results.cells("accuracy")
    others = {
        name: results.cells(name).set_index(["method", "n"])["value"] for name in ("uf1", "uar")
    }
    floor = results.metrics[results.metrics["method"] == MAJORITY]
    line = floor.loc[floor["metric"] == "accuracy", "value"].item()
    rows = []
    for method in results.methods:
        mine = accuracy[accuracy["method"] == method]
        best = mine.loc[mine["value"].idxmax()]
        key = (method, best["n"])
        above = f"{(mine['low'] > line).sum()} of {len(mine)}"
        further = [_two(others[name].loc[key]) for name in others]
        rows.append([method, int(best["n"]), _two(best["value"]), _interval(best), *further, above])
    return pd.DataFrame(rows, columns=BEST)


def _accuracies(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: [method.removesuffix(NESTED) for method in rows["method"]],
            "N": ["" if pd.isna(n) else str(int(n)) for n in rows["n"]],
            "accuracy": [_two(value) for value in rows["value"]],
            "interval": [_interval(row) for _, row in rows.iterrows()],
        }
    )


def _differences(results: Results) -> list[str | Grid]:
    level = 1 - results.config.evaluate.confidence
    tests = results.comparisons[results.comparisons["feature_mode"] == results.feature_mode]
    if tests.empty:
        return ["There is one method, and nothing to compare it with."]
    rows = []
    for pair, family in tests.groupby(["method_a", "method_b"], sort=False):
        real = family[family["p_holm"] <= level]
        low, high = family["difference"].min(), family["difference"].max()
        spread = f"{low:+.2f} to {high:+.2f}"
        where = ", ".join(map(str, real["n"])) or "none"
        rows.append([" - ".join(pair), spread, where, _p(family["p_holm"].min())])
    significant = f"significant N (Holm p <= {level:.2g})"
    columns = ["pair", "difference of accuracy", significant, "smallest Holm p"]
    return [Grid(pd.DataFrame(rows, columns=columns))]


def _configuration(config: Config) -> list[str | Code]:
    changed = changes(config.model_dump(mode="json"), Config().model_dump(mode="json"))
    text = yaml.safe_dump(changed, sort_keys=False, default_flow_style=None) if changed else ""
    if not text:
        return ["All keys have their defaults; `configuration.yaml` lists them."]
    return ["Keys that differ from their defaults; `configuration.yaml` lists all.", Code(text)]


def changes(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Give the part of nested dictionaries that differs from the defaults."""
    result = {}
    for key, value in values.items():
        default = defaults.get(key)
        if isinstance(value, dict) and isinstance(default, dict):
            if inner := changes(value, default):
                result[key] = inner
        elif value != default:
            result[key] = value
    return result


def _versions(origins: pd.DataFrame) -> Sequence[str | Grid | Items]:
    libraries = origins[origins["kind"] == "library"]
    named = ", ".join(f"{row.name} {row.value}" for row in libraries.itertuples(index=False))
    rest = origins[~origins["kind"].isin(["library"])]
    return [Grid(rest), f"Libraries: {named}."]


def _two(value: float) -> str:
    return f"{value:.2f}"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def _interval(row: pd.Series) -> str:
    return "" if pd.isna(row["low"]) else f"{row['low']:.2f}-{row['high']:.2f}"
