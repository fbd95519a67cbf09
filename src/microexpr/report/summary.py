"""``summary.md``: on one page what was run, on what, what came out and what it does not show."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
import yaml

from microexpr.config import Config
from microexpr.datasets.listing import Finding
from microexpr.evaluation import names
from microexpr.evaluation.names import network_name
from microexpr.evaluation.pooled import MAJORITY
from microexpr.evaluation.tables import ACCURACY, NESTED, column
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.report.comparisons import exploratory, gains, primary, trained_controls
from microexpr.report.document import Block, Code, Document, Grid, Section, plain
from microexpr.report.results import SYNTHETIC, Results, for_people, method_name, warnings

PAPER = "resnet50_vggface2"
POSTER = (
    "A comparison with the published 75.76 % (Bai, Goecke and Herath, ICIP 2021): it was measured "
    "on other clips and folds, perhaps with other classes (docs/reproducing-the-poster.md)."
)


def limits(results: Results) -> list[str]:
    """Return what must not be read into the numbers of a run, one sentence or two each."""
    config, first = results.whole, results.metrics.iloc[0]
    clips, subjects = int(first["clips"]), int(first["subjects"])
    lines = []
    if results.data == SYNTHETIC:
        lines.append(
            "Anything about people: the faces are drawn, and their motion was made to be found."
        )
    if not SUBJECT_INDEPENDENT[config.protocol.name]:
        lines.append("The accuracy on new faces: the tested subjects were trained on.")
    if not results.metrics["method"].str.endswith(NESTED).any():
        lines.append(
            "The accuracy of a chosen N: no choice was made on training clips "
            "(`select.n: nested`), and the best column was found on the test clips."
        )
    lines += [
        f"Small differences: one clip is {1 / clips:.1%} of {clips}, and the intervals rest on "
        f"{subjects} subjects.",
        "Other cameras, cultures or laboratories: the intervals hold for subjects like these.",
        "Spotting in long videos: each clip here was cut out and holds an expression.",
    ]
    if len(config.train.seeds) == 1:
        lines.append("The effect of chance in training: there is one seed (`train.seeds`).")
    if config.features.backbone != PAPER:
        lines.append(
            "A reproduction of the paper: the network is "
            f"{network_name(config.features.backbone)}, not its VGGFace2 ResNet-50."
        )
    return [*lines, POSTER]


REPORT = "`manifest_report.csv`"
SHOWN = 8  # names in a cell
WHY = {
    "left_out_subject": "its subject is in `data.leave_out`",
    "left_out_clip": "it is in `data.leave_out`",
    "dropped_label": "its emotion is in `data.drop_labels`",
    "dropped_clip": "a published protocol leaves it out by name",
    "macro_expression": "it shows a macro-expression",
    "missing_clips": "its frames are not there",
    "unlisted_clips": "it is in no row of the annotations",
    "unreadable_rows": "its row or its name cannot be read",
    "unreadable_files": "its files cannot be decoded",
    "uneven_times": "its frames are not evenly spaced in time",
    "unknown_labels": "its emotion is no class",
    "duplicate_rows": "another row describes the same clip",
}


def left_out(results: Results) -> list[Block]:
    """Return which clips were left out, how many and why, and which are there twice."""
    data, findings = results.whole.data, results.findings
    twice = [f"Noted: {plain(sentence)}." for sentence in results.twice]
    if findings is None:  # what the configuration leaves out is all that is known
        keys = {"data.leave_out": data.leave_out, "data.drop_labels": data.drop_labels}
        asked = [f"`{key}`: {plain(', '.join(names))}" for key, names in keys.items() if names]
        what = f"The configuration leaves out: {'; '.join(asked) or 'nothing'}."
        return [f"{REPORT} is not there. {what}", *twice]
    dropped = [finding for finding in findings if finding.action == "dropped"]
    others = Counter((f.problem, f.action) for f in findings if f.action != "dropped")
    blocks: list[Block] = [_table(dropped)] if dropped else ["No clip was left out."]
    if others:
        noted = ", ".join(f"{problem} {n} ({action})" for (problem, action), n in others.items())
        blocks.append(f"Also noted: {noted}.")
    blocks += twice
    if findings:
        blocks.append(f"Clip by clip: {REPORT}.")
    return blocks


def _table(dropped: Sequence[Finding]) -> Grid:
    rows = []
    for problem in dict.fromkeys(finding.problem for finding in dropped):
        names = [finding.clip_id for finding in dropped if finding.problem == problem]
        known = [name for name in names if name]
        parts = known[:SHOWN]
        if len(known) > SHOWN:
            parts.append(f"and {len(known) - SHOWN} more")
        if len(known) < len(names):
            parts.append(f"{len(names) - len(known)} without a name")
        rows.append([WHY[problem], problem, len(names), ", ".join(parts)])
    table = pd.DataFrame(rows, columns=["why", "in the report", "clips", "which"])
    return Grid(table, marked=["why"])


BEST = ["method", "best N", "accuracy", "interval", "UF1", "UAR", "AUC", "N above majority"]
HEADS = {"bilstm": "Bi-LSTM", "frame_fc": "classifier per frame"}


def summary(results: Results, origins: pd.DataFrame) -> Document:
    """Put the page together from the results, and from `microexpr.report.results.origins`."""
    libraries = origins[origins["kind"] == "library"]
    named = ", ".join(f"{row.name} {row.value}" for row in libraries.itertuples(index=False))
    versions: list[Block] = [Grid(origins[origins["kind"] != "library"]), f"Libraries: {named}."]
    return Document(
        "Summary of a run",
        [
            Section("What was run", [_what(results)]),
            Section("What was left out", left_out(results)),
            Section("What came out", _outcome(results)),
            Section("What the temporal filter passes", gains(results)),
            Section("What it does not show", [limits(results)]),
            Section("Configuration", _configuration(results.whole)),
            Section("Versions and checksums", versions),
        ],
        warnings(results.config),
    )


def configuration(config: Config, text: str, origins: pd.DataFrame) -> Document:
    """Show every key of a run, `text` as YAML, and all versions and checksums."""
    return Document(
        "Configuration, versions and checksums",
        [
            Section("Versions and checksums", [Grid(origins)]),
            Section("Configuration", ["As `configuration.yaml`:", Code(text)]),
        ],
        warnings(config),
    )


def _what(results: Results) -> list[str]:
    config, metrics = results.whole, results.metrics.iloc[0]
    labels = Counter(clip.label for clip in results.clips)
    classes = plain(", ".join(f"{labels[name]} {name}" for name in config.data.labels))
    subjects = len({clip.subject for clip in results.clips})
    dropped = sum(finding.action == "dropped" for finding in results.findings or ())
    others = f"; left out: {dropped}" if results.findings else ""
    source = "SYNTHETIC, generated faces" if results.data == SYNTHETIC else plain(results.data)
    magnify, windows, train = config.magnify, config.windows, config.train
    low, high = magnify.passband_hz
    sizes = ", ".join(map(str, results.sizes))
    independent = SUBJECT_INDEPENDENT[config.protocol.name]
    return [
        f"Data: {source}: {len(results.clips)} clips ({classes}) of {subjects} subjects{others}.",
        f"Methods: {', '.join(map(method_name, results.methods))}; alpha {magnify.alpha:g}, "
        f"{low:g} to {high:g} Hz, filter {magnify.temporal_filter}.",
        f"Windows of N = {sizes} frames, {' and '.join(windows.modes)}; the "
        f"prediction for a clip from its windows: `{config.protocol.clip_decision}`.",
        f"Network: {names.network_name(config.features.backbone)}, frozen up to block "
        f"B{config.features.cut}; then {HEADS.get(train.head, train.head)} on features as "
        f"{names.feature_mode_name(results.feature_mode)}, {train.epochs} epochs, seeds "
        f"{', '.join(map(str, train.seeds))}.",
        f"Protocol: {names.protocol_name(config.protocol.name)}, "
        f"{'no subject' if independent else 'subjects'} both trained on and tested; "
        f"{metrics['clips']} clips of {metrics['subjects']} subjects tested, metrics computed "
        "once on all of them.",
        f"Intervals: {metrics['confidence']:.0%}, over subjects (docs/statistics.md).",
    ]


def _outcome(results: Results) -> list[Block]:
    chosen, controls = results.beside()
    blocks: list[Block] = [
        primary(results),
        f"{ACCURACY} is the share of all clips that are predicted correctly, class rows are "
        "recall; clips: how many a row rests on. All digits, intervals and metrics: `table.csv`, "
        "`metrics.csv`.",
        Grid(_rounded(results)),
        "The accuracy in each feature mode (`train.feature_modes`):",
        Grid(_feature_modes(results)),
        "**The best of several N is optimistic**: it was found by looking at the test clips. An N "
        "is above the majority when its whole interval lies above that line.",
        Grid(_best(results)),
    ]
    if len(chosen):
        blocks += [
            "Chosen on inner folds of the training clips, which is not optimistic:",
            Grid(_accuracies(chosen, "choice")),
        ]
    return [
        *blocks,
        "Controls that look at no face:",
        Grid(_accuracies(controls, "control")),
        *trained_controls(results.controls),
        *exploratory(results),
    ]


def _rounded(results: Results) -> pd.DataFrame:
    table = for_people(results.table[["method", "class", "clips"]])
    for n in results.sizes:
        table[f"N = {n}"] = [f"{float(cell):.2f}" for cell in results.table[column(n)]]
    return table


def _feature_modes(results: Results) -> pd.DataFrame:
    """Return the accuracy of each method in every feature mode: rows, and a column per N."""
    rows = results.metrics[(results.metrics["metric"] == "accuracy")]
    rows = rows[rows["method"].isin(results.methods) & rows["n"].notna()]
    rows = rows.assign(
        n=[f"N = {n:.0f}" for n in rows["n"]], value=rows["value"].map("{:.2f}".format)
    )
    keys = ["method", "feature_mode"]
    table = rows.pivot_table(index=keys, columns="n", values="value", aggfunc="first", sort=False)
    return for_people(table.reset_index()).rename(columns={"feature_mode": "features"})


def _best(results: Results) -> pd.DataFrame:
    accuracy = results.cells("accuracy")
    others = [
        results.cells(name).set_index(["method", "n"])["value"] for name in ("uf1", "uar", "auc")
    ]
    floor = results.metrics[results.metrics["method"] == MAJORITY]
    line = floor.loc[floor["metric"] == "accuracy", "value"].item()
    rows = []
    for method in results.methods:
        mine = accuracy[accuracy["method"] == method]
        best = mine.nlargest(1, "value").iloc[0]
        n, above = int(best["n"]), f"{(mine['low'] > line).sum()} of {len(mine)}"
        further = [f"{values.loc[method, n]:.2f}" for values in others]
        value, interval = f"{best['value']:.2f}", _interval(best["low"], best["high"])
        rows.append([method_name(method), n, value, interval, *further, above])
    return pd.DataFrame(rows, columns=BEST)


def _accuracies(rows: pd.DataFrame, title: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            title: [method_name(method.removesuffix(NESTED)) for method in rows["method"]],
            "N": ["" if pd.isna(n) else str(int(n)) for n in rows["n"]],
            "accuracy": [f"{value:.2f}" for value in rows["value"]],
            "interval": [_interval(*ends) for ends in zip(rows["low"], rows["high"], strict=True)],
        }
    )


def _configuration(config: Config) -> list[Block]:
    changed = changes(config.model_dump(mode="json"), Config().model_dump(mode="json"))
    if not changed:
        return ["All keys have their defaults; `configuration.yaml` lists them."]
    text = yaml.safe_dump(changed, sort_keys=False, default_flow_style=None)
    return ["Keys that differ from their defaults; `configuration.yaml` lists all.", Code(text)]


def changes(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the part of nested dictionaries that differs from the defaults."""
    result = {}
    for key, value in values.items():
        default = defaults.get(key)
        if isinstance(value, dict) and isinstance(default, dict):
            if inner := changes(value, default):
                result[key] = inner
        elif value != default:
            result[key] = value
    return result


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{low:.2f}-{high:.2f}"
