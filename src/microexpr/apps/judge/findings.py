"""What a reviewer would find in a file of predictions, beside its scores, and of printed values."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from microexpr.apps.judge import scoring
from microexpr.apps.judge.reading import BEST, Table
from microexpr.apps.judge.scoring import ALL, CHOSEN, FORMULAS, METRICS, POOLED, Runs
from microexpr.datasets import sheets
from microexpr.errors import ConfigError, DataError
from microexpr.protocol import FoldList, named
from microexpr.runtime.names import alike

# By kind, and a few that several kinds share, or that are further ones of a kind.
SENTENCES = {
    "changed_file": "The file was changed after its checksum was written.",
    "several_labels": "{n} clips have more than one label: {names}.",
    "several_subjects": "{n} clips have more than one subject: {names}.",
    "subjects_on_both_sides": "{n} subjects are in training and in test{share}: {names}.",
    "contents_on_both_sides": "{n} clips share contents in training and in test{share}: {names}.",
    "clips_on_both_sides": "{n} clips are in training and in test: {names}.",
    "doubled_contents": "{contents} contents are listed as several clips: {names}.",
    "doubled_clips": "{n} clips stand there more than once and are counted so: {names}.",
    "missing_clips": "{n} clips are missing in {where}: {names}. They count as wrong.",
    "missing_of_list": "{n} clips are not here, of {listed} in {source}: {names}.",
    "extra_clips": "{n} clips are here, not in {source}: {names}.",
    "no_prediction": "{n} clips have no prediction, and count as wrong: {names}.",
    "never_predicted": "Never predicted: {classes}.",
    "other_subject": "{n} clips have another subject than in {source}: {first}.",
    "other_label": "{n} clips have another label than in {source}: {first}.",
    "other_folds": "Fold {fold} is not one of {source}.",
    "epoch_per_fold": "Folds stop at different epochs: if chosen on their test clips, the score is "
    "no estimate.",
    "best_epoch": "The log holds, per subject, the epoch that does best on that subject's test "
    "clips; what the last epoch gives is not in it.",
    "scores_per_epoch": "Predictions of {n} epochs; the last, {last}, is scored: {scores}.",
    "impossible_rounding": "{printed} what no whole number of {count} predictions gives; {own}",
    "printed": "{printed} the {how}; {own}",
    "not_reproduced": "{printed} given by no known way of scoring; {own}",
    "not_above_control": "The accuracy is not shown to be above that of a control that sees no "
    "face ({what}: {accuracy:.4f}): difference {difference:.4f}, interval {low:.4f} to {high:.4f}.",
}
WORDS = {
    "accuracy": ("accuracy", "acc", "war"),
    "uf1": ("uf1", "f1", "macrof1", "f1score"),
    "uar": ("uar", "recall", "balancedaccuracy"),
}
FULL = ("", ALL, "full", "composite")  # names of all clips together
EXAMPLE = "such as accuracy=.8182, casme2:uar=86.86%"
COLUMNS = {"metric": ("metric",), "value": ("value",), "data_set?": ("data_set", "dataset", "part")}
Finding = dict[str, str]  # kind, and a sentence with names and numbers


def finding(
    kind: str, names: Iterable[Any] | None = None, sentence: str = "", **values: Any
) -> list[Finding]:
    """Return a finding; none where it is about `names`, and there is none."""
    about = [] if names is None else list(names)
    if names is not None and not about:
        return []
    text = SENTENCES[sentence or kind].format(n=len(about), names=named(about), **values)
    return [{"kind": kind, "text": text}]


def of_table(table: Table) -> Iterator[Finding]:
    """Yield what is wrong with clips, subjects and folds."""
    frame, tested = table.frame, table.tested
    if table.changed:
        yield from finding("changed_file")
    for column in ("label", "subject"):
        several = frame.groupby("clip")[column].nunique()
        yield from finding(f"several_{column}s", several[several > 1].index)
    yield from _both_sides(frame, ~frame.index.isin(tested.index))
    twice = tested[tested.duplicated(["clip", "seed", "epoch"])]
    yield from finding("doubled_clips", twice["clip"].unique())
    everyone = tested["clip"].drop_duplicates()
    for (seed, epoch), rows in tested.groupby(["seed", "epoch"]):
        names = {"seed": seed, "epoch": epoch}
        where = ", ".join(f"{key} {name}" for key, name in names.items() if name)
        yield from finding("missing_clips", everyone[~everyone.isin(rows["clip"])], where=where)
    yield from finding("no_prediction", tested["clip"][tested["predicted"] == ""])
    never = sorted({*tested["label"]} - {*tested["predicted"]})
    yield from finding("never_predicted", never, classes=", ".join(never))


def _both_sides(frame: pd.DataFrame, trained: NDArray[np.bool_]) -> Iterator[Finding]:
    """Yield subjects, and clips of one content, that are trained on and tested.

    Where training clips are not listed, a fold trains on all clips that it does not test.
    """
    persons, contents = frame["subject"].map(alike), frame["content"].map(alike)
    for kind, names in (("subject", persons), ("content", contents), ("clip", frame["clip"])):
        known = frame.assign(one=names, trained=trained)[names != ""]
        if trained.any():
            both = known.groupby(["fold", "one"])["trained"].nunique()
        else:
            both = known.groupby(["seed", "one"])["fold"].nunique()
        wrong = known[known["one"].isin(both[both > 1].index.get_level_values("one"))]
        spelt = wrong["clip" if kind == "content" else kind].unique()
        share = f" ({wrong['clip'].nunique()} of {frame['clip'].nunique()} clips)"
        yield from finding(f"{kind}s_on_both_sides", spelt, share=share)
    copies = frame[contents != ""].groupby(contents)["clip"].unique()
    doubled = [list(clips) for clips in copies if len(clips) > 1]
    if doubled:
        yield from finding("doubled_contents", doubled[0], contents=len(doubled))


def compared(table: Table, known: FoldList) -> tuple[Table, list[Finding]]:
    """Compare a table with a list of folds; it gets its labels, and its folds where it had none."""
    frame, about = table.frame, {"source": known.path.name}
    keys = [_key(row, known) for row in frame[["clip", "subject", "data_set"]].values.tolist()]
    if not any(keys):
        first = next(iter(known.rows.values()))["clip_id"]
        raise DataError(f"{table.path}: names no clip of {known.path}, such as {first}")
    there, total = {*keys}, len(known.rows)
    missing = [row["clip_id"] for key, row in known.rows.items() if key not in there]
    found = finding("missing_clips", missing, "missing_of_list", **about, listed=total)
    theirs = pd.DataFrame([known.rows.get(key, {}) for key in keys], frame.index).fillna("")
    listed = theirs["subject"] != ""
    found += finding("extra_clips", frame["clip"][~listed].unique(), **about)
    frame, notes = _named_labels(frame, theirs["label"])
    for column in ("subject", "label"):
        ours, others = frame[column], theirs[column]
        other = listed & (ours.map(_last) != others.map(_last))
        clips = frame["clip"][other]
        pairs = zip(clips, ours[other], others[other], strict=True)
        first = next((f"{clip} has {own}, not {their}" for clip, own, their in pairs), "")
        found += finding(f"other_{column}", clips.unique(), **about, first=first)
    if not frame["fold"].any():
        frame = frame.assign(fold=theirs["fold"])
        notes.append(f"Folds are those of {known.path.name} (sha256 {known.sha256}).")
    elif fold := _other_folds(frame["fold"][listed], theirs["fold"][listed]):
        found += finding("other_folds", fold=fold, **about)
    return replace(table, frame=frame, notes=table.notes + notes), found


def _key(row: Sequence[str], known: FoldList) -> str:
    """Return the name in the list of a clip that may be named within its subject or data set."""
    clip, subject, data_set = row
    parts = ((clip,), (data_set, clip), (subject, clip), (data_set, subject, clip))
    names = (alike("_".join(filter(None, part))) for part in parts)
    return next((name for name in names if name in known.rows), "")


def _last(name: str) -> str:
    """Return what a name is compared by: without the data set before it, and leading zeros."""
    return alike(name.rpartition("_")[2])


def _named_labels(frame: pd.DataFrame, theirs: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """Give labels the names that the list has for them, where there is one for each."""
    pairs = frame.assign(theirs=theirs)[theirs != ""]
    names = pairs.groupby("label")["theirs"].agg(lambda cells: cells.mode()[0]).to_dict()
    given = {*frame["label"]} | {*frame["predicted"]} - {""}
    if {*names} & {*names.values()} or len({*names.values()}) < len(names) or given - {*names}:
        return frame, []
    renamed = frame.assign(**{c: frame[c].replace(names) for c in ("label", "predicted")})
    return renamed, [f"Labels by name: {', '.join(f'{k} is {v}' for k, v in names.items())}."]


def _other_folds(ours: pd.Series, theirs: pd.Series) -> str:
    """Return a fold that tests other clips than one of the list does; empty: there is none."""
    for one, other in ((ours, theirs), (theirs, ours)):
        several = other.groupby(one).nunique()
        if (several > 1).any():
            return str(ours[one == several[several > 1].index[0]].iloc[0])
    return ""


def of_epochs(runs: Runs) -> list[Finding]:
    """Return what is to say where a score per epoch exists."""
    if runs.epochs == [BEST]:
        return finding("best_epoch")
    if len(runs.epochs) == 1:
        return []
    values = {way: f"UF1 {row['uf1']:.4f}" for way, row in runs.ways.items()}
    others = ", ".join(f"{way}: {values[way]}" for way in (scoring.EPOCH, scoring.EPOCHS))
    text = f"{values[POOLED]} ({others})"
    return finding("scores_per_epoch", runs.epochs, last=runs.epochs[-1], scores=text)


class Claim(NamedTuple):
    """A value as it is printed."""

    part: str  # `ALL`, or a data set
    metric: str  # one of `METRICS`
    printed: str
    value: float
    step: float  # of its last decimal

    def gives(self, value: float) -> bool:
        """Tell whether a value is printed so: rounded, or cut off."""
        return -0.5 * self.step <= value - self.value + 1e-9 and value - self.value < self.step

    def is_possible(self, count: int) -> bool:
        """Tell whether a whole number of `count` is printed so."""
        first = int((self.value - self.step) * count)
        return any(self.gives(k / count) for k in range(first, first + int(self.step * count) + 4))


def read_claims(words: Sequence[str]) -> list[Claim]:
    """Read printed values: ``metric=value``, ``data_set:metric=value``, or a table of them.

    A value is a share, or a percentage where it is above 1 or followed by %. ConfigError: neither.
    """
    found = []
    for word in words:
        if given := re.fullmatch(r"(?:([^:=]+):)?([^:=]+)=(.+)", word):
            found.append(_claim(given[1] or "", given[2], given[3]))
            continue
        for line, cells in sheets.with_header(Path(word), COLUMNS):
            texts = (sheets.text(cells.get(key)) for key in ("data_set", "metric", "value"))
            try:
                found.append(_claim(*texts))
            except ConfigError as error:
                raise ConfigError(f"{word}: line {line}: {error}") from None
    return found


def _claim(part: str, metric: str, printed: str) -> Claim:
    known = next((key for key, words in WORDS.items() if _plain(metric) in words), "")
    number = re.fullmatch(r"(\d*)(?:[.,](\d*))?\s*(%?)", printed.strip())
    if not (known and number and (number[1] or number[2])):
        reason = f"is none of {', '.join(METRICS)}" if not known else f"{printed!r} is no number"
        raise ConfigError(f"--claimed: {known or metric} {reason}; {EXAMPLE}")
    decimals, value = number[2] or "", float(f"{number[1] or 0}.{number[2] or 0}")
    unit = 100 if number[3] or value > 1 else 1
    if value > unit:
        raise ConfigError(f"--claimed: {known} {printed} is above 100 %; {EXAMPLE}")
    part = ALL if part.strip().casefold() in FULL else part.strip()
    return Claim(part, known, printed, value / unit, 10.0 ** -len(decimals) / unit)


def weigh(claims: Sequence[Claim], runs: Runs) -> list[dict[str, Any]]:
    """Compare printed values with the predictions; ConfigError: no such data set."""
    parts = {ALL: runs} | runs.parts()
    plain = {_plain(name): name for name in parts}
    plain |= {"casmeii": "casme2"} if "casme2" in parts else {}
    found = []
    for claim in claims:
        name, metric = plain.get(_plain(claim.part)), claim.metric
        if name is None:
            raise ConfigError(f"--claimed: {claim.part} is no data set of {', '.join(parts)}")
        scored, count = parts[name].ways, parts[name].predicted.size
        own = scored[POOLED][metric]
        # Its own name in another way comes before another formula, and that before other metrics.
        formulas = sorted(FORMULAS, key=lambda key: (key != claim.metric, key in METRICS))
        cells = [(way, key) for key in formulas for way in scored if not claim.gives(own)]
        equal = [(way, key) for way, key in cells if claim.gives(scored[way][key])]
        row = {"data_set": name, "metric": metric, "printed": claim.printed, "value": own}
        row |= {"agrees": claim.gives(own), "predictions": count}
        row["possible"] = metric != "accuracy" or claim.is_possible(count)
        found.append(row | {"equals": [{"way": way, "formula": key} for way, key in equal]})
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def of_claims(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield what printed values are, see `weigh`, where the predictions do not give them."""
    for row in rows:
        name = row["metric"] if row["metric"] == "accuracy" else row["metric"].upper()
        name += "" if row["data_set"] == ALL else f" of {row['data_set']}"
        about = {"printed": f"The printed {name}, {row['printed']}, is"}
        about["own"] = f"{FORMULAS[row['metric']]} is {row['value']:.4f}."
        if not row["possible"]:
            yield from finding("impossible_rounding", **about, count=row["predictions"])
        if row["equals"]:
            way, formula = row["equals"][0].values()
            how = FORMULAS[formula] + ("" if way == POOLED else f", {way}")
            if (count := len(row["equals"])) > 1:  # of few decimals, or of folds that are subjects
                how += f" (one of {count} values that are printed so)"
            kind = CHOSEN.get(way, formula if way == POOLED else "averaged")
            yield from finding(kind, sentence="printed", **about, how=how)
        elif not row["agrees"] and row["possible"]:
            yield from finding("not_reproduced", **about)
