"""Predictions as others hand them in: tables and two kinds of logs, told apart by what they hold.

- A table (.csv with any delimiter, .xlsx) with clip, subject, label and predicted, in the usual
  spellings; in place of predicted, one column per run (``pred_seed0``, ``pred_epoch12``) or one per
  class (``p_negative``). Our own ``predictions.csv`` is such a table.
- A log with a line ``casme2 sub01`` above lines ``clip label prediction``, as STSTNet's authors
  publish it.
- A log with lines ``Subject:``, ``Predicted :`` and ``Ground Truth :`` with lists, as their Python
  code prints it, and that of HTNet, which adds ``Best Predicted :``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from microexpr.datasets import delimited, sheets
from microexpr.errors import ConfigError, DataError, damage
from microexpr.protocol.lists import named
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
    named: bool = True  # whether the file names its clips
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
    table = _log(path, content) or _table(path, scored)
    if table.tested.empty:
        raise DataError(f"{path}: holds no prediction")
    table = _parts(_one_system(table, system))
    frame = _whole_names(_whole_names(table.frame, "subject", "data_set"), "clip", "subject")
    return replace(table, frame=frame)


def _made(path: Path, rows: Iterable[Mapping[str, str]], kind: str, **more: Any) -> Table:
    frame = pd.DataFrame(list(rows))
    shares = [name for name in frame if str(name).startswith("p_")]
    frame = frame.reindex(columns=[*SPELLINGS, *shares], fill_value="")
    return Table(path, frame, kind, **more)


# Tables.


def _table(path: Path, scored: bool) -> Table:
    header = next(map(_texts, filter(_is_header, sheets.read_rows(path))), [])
    columns, runs, shares = _columns(header)
    wanted = {key + "?" * (key not in REQUIRED): spelt for key, spelt in columns.items()}
    lines = sheets.with_header(path, wanted)
    kind = f"table with {len(runs)} runs side by side" if runs else "table"
    return _made(path, _rows(path, lines, runs, shares, scored), kind, changed=_changed(path))


def _texts(row: Iterable[sheets.Cell]) -> list[str]:
    return [sheets.text(cell) for cell in row]


def _is_header(row: Iterable[sheets.Cell]) -> bool:
    return not {*SPELLINGS["label"]}.isdisjoint(name.casefold() for name in _texts(row))


def _changed(path: Path) -> bool:
    """Tell whether a table of ours was edited after its seal was written."""
    if seal_of(path).exists():
        try:
            check_seal(path)
        except DataError:
            return True
    return False


def _columns(header: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], list[str], list[str]]:
    """Return all columns with their spellings, those of runs, and those of probabilities."""
    known = {name for spelt in SPELLINGS.values() for name in spelt}
    others = [name for name in header if name.casefold() not in known]
    runs = [name for name in others if RUN.fullmatch(name)]
    shares = [name for name in others if SHARE.fullmatch(name)]
    return SPELLINGS | {name: (name,) for name in (*runs, *shares)}, runs, shares


def _rows(
    path: Path,
    lines: Iterable[tuple[int, Mapping[str, sheets.Cell]]],
    runs: Sequence[str],
    shares: Sequence[str],
    scored: bool,
) -> Iterator[dict[str, str]]:
    """Yield one row per prediction: of each run, or of the most probable class."""
    for line, found in lines:
        cells = {key: sheets.text(cell) for key, cell in found.items()}
        if empty := [key for key in REQUIRED if not cells.get(key)]:
            raise DataError(f"{path}: line {line}: {empty[0]} is empty")
        row = {key: cells.get(key, "") for key in SPELLINGS}
        row |= {SHARE.sub(r"p_\1", name): cells[name] for name in shares}
        if "predicted" in cells or not scored:
            yield row
        elif runs:
            for name in runs:
                epoch, run = RUN.sub(r"\1", name), RUN.sub(r"\2", name)
                yield row | {"predicted": cells[name], "epoch" if epoch else "seed": run}
        elif shares:
            with damage(DataError, f"{path}: line {line}: a probability is no number"):
                likely = max(shares, key=lambda name: float(cells[name]))
            yield row | {"predicted": SHARE.sub(r"\1", likely)}
        else:
            raise DataError(f"{path}: no column predicted, pred_<run> or p_<class>")


# Logs.


def _log(path: Path, content: bytes) -> Table | None:
    """Read a log; None: it is none."""
    if content.startswith((sheets.ZIP, sheets.OLE)):
        return None
    lines = [line.strip() for line in delimited.decoded(path, content).splitlines()]
    lines = [line for line in lines if line]
    listed = [found for line in lines if (found := LISTED.fullmatch(line))]
    if {"Subject", "Ground Truth"} <= {found[1] for found in listed}:
        note = "The log names no clips: they are numbered within their subject."
        rows = _lists(path, [(found[1], found[2]) for found in listed])
        return _made(path, rows, "log with lists per subject", notes=[note], named=False)
    words = [line.split() for line in lines]
    if any(re.search("[,;|]", line) for line in lines) or {*map(len, words)} - {1, 2, 3}:
        return None
    if 3 not in map(len, words) or len(words[0]) > 2:
        return None
    return _made(path, _clips(words), "log with clip, label and prediction below each subject")


def _clips(words: Iterable[Sequence[str]]) -> Iterator[dict[str, str]]:
    data_set = subject = ""
    for row in words:
        if len(row) < 3:
            *sets, subject = row
            data_set = sets[0] if sets else ""
            subject = f"{data_set}_{subject}" if data_set else subject
            continue
        clip, label, predicted = row
        bare = subject.removeprefix(f"{data_set}_")
        # The clips of some releases carry their subject.
        name = "_".join(filter(None, (data_set, clip))) if clip.startswith(bare) else ""
        about = {"clip": name or f"{subject}_{clip}", "subject": subject, "data_set": data_set}
        yield about | {"label": label, "predicted": predicted}


def _lists(path: Path, found: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    subject, given = "", dict[str, list[str]]()
    for key, value in found:
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


# What is in a file.


def _one_system(table: Table, system: str) -> Table:
    """Keep the rows of one system."""
    names = table.frame[SYSTEM].agg("/".join, axis=1).str.strip("/")
    known = list(dict.fromkeys(names))
    if len(known) == 1 and (not system or known == [""]):
        return table
    if system not in known:
        raise ConfigError(f"{table.path}: --systems must be of {named(known)}")
    return replace(table, frame=table.frame[names == system].reset_index(drop=True))


def _parts(table: Table) -> Table:
    """Fill in the data set of each clip where the subjects are those of the composite."""
    frame = table.frame
    if frame["data_set"].any():
        return table
    names = {
        s: next((k for k, p in COMPOSITE.items() if p.fullmatch(s)), "") for s in frame["subject"]
    }
    if "" in names.values() or len({*names.values()}) < 2:
        return table
    return replace(table, frame=frame.assign(data_set=frame["subject"].map(names)))


def _whole_names(frame: pd.DataFrame, name: str, within: str) -> pd.DataFrame:
    """Write names with what they are within, where one is used in several, as EP02_01f is."""
    if frame.groupby(["seed", "epoch", name])[within].nunique().max() < 2:
        return frame
    return frame.assign(**{name: frame[within] + "_" + frame[name]})
