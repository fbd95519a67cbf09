"""What a run cannot show, and which clips it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from microexpr.config import Data
from microexpr.datasets.listing import Finding
from microexpr.evaluation.names import network_name
from microexpr.evaluation.tables import NESTED
from microexpr.protocol import SUBJECT_INDEPENDENT
from microexpr.report.document import Block, Grid, plain
from microexpr.report.results import SYNTHETIC, Results

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
        f"{subjects} subjects. McNemar's test takes clips as independent.",
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
    "unknown_labels": "its emotion is no class",
    "duplicate_rows": "another row describes the same clip",
}


def left_out(data: Data, findings: Sequence[Finding] | None) -> list[Block]:
    """Return which clips were left out, how many and why; None: there is no report of them."""
    if findings is None:
        return [f"{REPORT} is not there. {_asked(data)}"]
    dropped = [finding for finding in findings if finding.action == "dropped"]
    others = Counter((f.problem, f.action) for f in findings if f.action != "dropped")
    blocks: list[Block] = [_table(dropped)] if dropped else ["No clip was left out."]
    if others:
        noted = ", ".join(f"{problem} {n} ({action})" for (problem, action), n in others.items())
        blocks.append(f"Also noted: {noted}.")
    if findings:
        blocks.append(f"Clip by clip: {REPORT}.")
    return blocks


def count(findings: Sequence[Finding]) -> int:
    """Count the clips that were left out."""
    return sum(finding.action == "dropped" for finding in findings)


def _table(dropped: Sequence[Finding]) -> Grid:
    rows = []
    for problem in dict.fromkeys(finding.problem for finding in dropped):
        names = [finding.clip_id for finding in dropped if finding.problem == problem]
        rows.append([WHY[problem], problem, len(names), _shown(names)])
    table = pd.DataFrame(rows, columns=["why", "in the report", "clips", "which"])
    return Grid(table, marked=["why"])


def _shown(names: Sequence[str]) -> str:
    known = [name for name in names if name]
    parts = known[:SHOWN]
    if len(known) > SHOWN:
        parts.append(f"and {len(known) - SHOWN} more")
    if len(known) < len(names):
        parts.append(f"{len(names) - len(known)} without a name")
    return ", ".join(parts)


def _asked(data: Data) -> str:
    """Return what the configuration leaves out: all that is known without the report."""
    keys = {"data.leave_out": data.leave_out, "data.drop_labels": data.drop_labels}
    asked = [f"`{key}`: {plain(', '.join(names))}" for key, names in keys.items() if names]
    return f"The configuration leaves out: {'; '.join(asked) or 'nothing'}."
