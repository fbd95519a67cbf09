"""Predictions as others hand them in: tables and two kinds of logs, told apart by what they hold.

Which columns and lines these have: docs/judge.md.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import pandas as pd

from microexpr.datasets import sheets
from microexpr.errors import ConfigError, DataError, damage
from microexpr.protocol import named
from microexpr.runtime.files import regular
from microexpr.runtime.tables import check_seal, seal_of

SPELLINGS = {
    "clip": ("clip_id", "clip", "clip_name", "filename", "file", "video", "sample", "name"),
    "subject": ("subject", "subject_id", "sub", "participant"),
    "label": ("label", "y_true", "true", "true_label", "truth", "ground_truth", "gt", "target"),
    "predicted": ("predicted", "prediction", "pred", "y_pred", "pred_label", "predicted_label"),
    "fold": ("fold",),
    "seed": ("seed", "run", "repeat"),
    "epoch": ("epoch",),
    "data_set": ("data_set", "dataset", "database"),
    "content": ("content", "sha256", "md5", "checksum"),
    "side": ("side", "split", "subset", "partition"),
    **{name: (name,) for name in ("method", "feature_mode", "n")},
}
REQUIRED, SYSTEM = ("clip", "subject", "label"), ["method", "feature_mode", "n"]
RUN = re.compile(r"(?:y_)?pred(?:icted|iction)?[_ -]+(epoch[_ -]*)?(?!label)(.+)", re.IGNORECASE)
SHARE = re.compile(r"(?:p|prob|probability)[_ -](.+)", re.IGNORECASE)
TRAINED = ("train", "training")  # in the column side: such rows are no predictions to score
LISTED = re.compile(r"(Subject|Best Predicted|Predicted|Ground Truth)\s*:\s*(.*)")
LABELS = {*SPELLINGS["label"]}
UNNAMED = "The log names no clips: they are numbered within their subject."
LAST, BEST = "last", "best on the test clips"  # epochs of a log that names both
# The composite of MEGC 2019 by its subjects, with our prefix or as the releases name them.
COMPOSITE = {
    "smic": re.compile(r"smic_.+|s\d{1,2}"),
    "casme2": re.compile(r"casme2_.+|sub\d{2}"),
    "samm": re.compile(r"samm_.+|\d{3}"),
}


@dataclass(frozen=True)
class Table:
    """Predictions in one form.

    `frame` has the columns of `SPELLINGS`, text, empty where nothing is known, and ``p_<class>``
    where there are probabilities: one row per clip, seed and epoch.
    """

    path: Path
    frame: pd.DataFrame
    kind: str  # for people
    notes: list[str] = field(default_factory=list)  # what is assumed, for people
    changed: bool = False  # after it was sealed

    @property
    def tested(self) -> pd.DataFrame:
        """The rows that are scored: not those that only say what was trained on."""
        return self.frame[~self.frame["side"].str.casefold().isin(TRAINED)]


def read(path: Path, system: str = "", *, scored: bool = True) -> Table:
    """Read predictions of one system; `system` is such as ``pmm/onset_difference/14``.

    Without `scored`, a table needs no predictions. DataError: it is none of the above, or a cell is
    empty. ConfigError: the file holds several systems, and `system` names none of them.
    """
    with damage(DataError, f"{path}: cannot be read"):
        content = regular(path).read_bytes()
    kind, rows = _log(path, content) or _table(path, scored)
    frame = pd.DataFrame(rows)
    shares = [name for name in frame if str(name).startswith("p_")]
    frame = frame.reindex(columns=[*SPELLINGS, *shares], fill_value="")
    notes = [UNNAMED] if kind == LISTS else []
    table = Table(path, frame, kind, notes, changed=kind not in LOGS and _changed(path))
    if table.tested.empty:
        raise DataError(f"{path}: holds no prediction")
    systems = frame[SYSTEM].agg("/".join, axis=1).str.strip("/")
    known = list(systems.unique())
    if len(known) > 1 or (system and known != [""]):
        if system not in known:
            raise ConfigError(f"{path}: --systems must be of {named(known)}")
        frame = frame[systems == system].reset_index(drop=True)
    parts = frame["subject"].map(_part)
    if not frame["data_set"].any() and (parts != "").all() and len({*parts}) > 1:
        frame = frame.assign(data_set=parts)
    for name, within in (("subject", "data_set"), ("clip", "subject")):
        # A name that is used in several, as EP02_01f is, becomes one with what it is within.
        if frame.groupby(["seed", "epoch", name])[within].nunique().max() > 1:
            frame = frame.assign(**{name: frame[within] + "_" + frame[name]})
    return replace(table, frame=frame)


def _part(subject: str) -> str:
    return next((name for name, spelt in COMPOSITE.items() if spelt.fullmatch(subject)), "")


def _changed(path: Path) -> bool:
    """Tell whether a table of ours was edited after its seal was written."""
    try:
        check_seal(path)
    except DataError:
        return seal_of(path).exists()
    return False


def _table(path: Path, scored: bool) -> tuple[str, list[dict[str, str]]]:
    """Read a table: one row per prediction."""
    rows = ([*map(sheets.text, row)] for row in sheets.read_rows(path))
    header = next((row for row in rows if LABELS & {*map(str.casefold, row)}), [])
    others = [name for name in header if name.casefold() not in chain(*SPELLINGS.values())]
    runs = {name: found for name in others if (found := RUN.fullmatch(name))}
    shares = {name: found[1] for name in others if (found := SHARE.fullmatch(name))}
    columns = {key + "?" * (key not in REQUIRED): spelt for key, spelt in SPELLINGS.items()}
    columns |= {f"{name}?": (name,) for name in (*runs, *shares)}
    result = []
    for line, printed in sheets.with_header(path, columns):
        cells, where = {k: sheets.text(cell) for k, cell in printed.items()}, f"{path}: line {line}"
        if empty := [key for key in REQUIRED if not cells[key]]:
            raise DataError(f"{where}: {empty[0]} is empty")
        row = cells | {f"p_{label}": cells[name] for name, label in shares.items()}
        if "predicted" in cells or not scored:
            result.append(row)
        elif runs:
            keys = [("epoch" if run[1] else "seed", run[2]) for run in runs.values()]
            several = zip(keys, runs, strict=True)
            result += [row | {"predicted": cells[name], key: run} for (key, run), name in several]
        elif shares:
            with damage(DataError, f"{where}: a probability is no number"):
                likely = max(shares, key=lambda name: float(cells[name]))
            result.append(row | {"predicted": shares[likely]})
        else:
            raise DataError(f"{path}: no column predicted, pred_<run> or p_<class>")
    return f"table with {len(runs)} runs side by side" if runs else "table", result


def _log(path: Path, content: bytes) -> tuple[str, list[dict[str, str]]] | None:
    """Read a log; None: it is none."""
    if content.startswith((sheets.ZIP, sheets.OLE)):
        return None
    lines = [*filter(None, map(str.strip, sheets.decoded(path, content).splitlines()))]
    found = ((kind, list(rows(path, lines))) for kind, rows in LOGS.items())
    return next((log for log in found if log[1]), None)


def _clips(path: Path, lines: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield what a log holds of ``clip label prediction``; nothing: it is no such log."""
    words, data_set, subject = [line.split() for line in lines], "", ""
    marks = {*map(len, words)} - {1, 2, 3} or re.search("[,;|]", " ".join(lines))
    if marks or not words or len(words[0]) == 3:
        return
    for *before, last in words:
        if len(before) < 2:
            data_set, subject = "".join(before), "_".join([*before, last])
            continue
        clip, label = before
        # The clips of some releases carry their subject.
        carried = clip.startswith(subject.removeprefix(f"{data_set}_"))
        within = data_set if carried else subject
        about = {"clip": f"{within}_{clip}" if within else clip, "subject": subject}
        yield about | {"data_set": data_set, "label": label, "predicted": last}


def _lists(path: Path, lines: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield what a log holds in lists per subject; nothing: it is no such log."""
    found = [line.groups() for line in map(LISTED.fullmatch, lines) if line]
    subject, given = "", dict[str, list[str]]()
    for key, value in found if any(key == "Subject" for key, _ in found) else ():
        if key == "Subject":
            subject, given = value, {}
            continue
        given[key] = re.findall(r"[\w.+-]+", value)
        if key != "Ground Truth":
            continue
        labels = given.pop(key)
        if not given or {*map(len, given.values())} != {len(labels)}:
            raise DataError(f"{path}: subject {subject}: not one prediction for each label")
        for name, values in given.items():
            epoch = "" if "Best Predicted" not in given else BEST if name != "Predicted" else LAST
            for number, (label, predicted) in enumerate(zip(labels, values, strict=True), 1):
                about = {"clip": f"{subject}_{number}", "subject": subject, "epoch": epoch}
                yield about | {"label": label, "predicted": predicted}


LISTS = "log with lists per subject"
LOGS = {LISTS: _lists, "log with clip, label and prediction below each subject": _clips}
