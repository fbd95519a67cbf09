"""What a reviewer would find in a file of predictions, beside its scores."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from microexpr.apps.judge.claims import ALL
from microexpr.apps.judge.listed import Finding
from microexpr.apps.judge.reading import BEST, Table
from microexpr.apps.judge.scoring import EPOCH, EPOCHS, FORMULAS, POOLED, SEED, Runs
from microexpr.protocol.lists import named
from microexpr.runtime.names import alike

# Ways that are not only another formula, by the kind of their finding.
CHOSEN = {EPOCH: "best_epoch", EPOCHS: "best_epoch", SEED: "best_seed"}


def of_table(table: Table) -> Iterator[Finding]:
    """Yield what is wrong with clips, subjects and folds."""
    frame, tested = table.frame, table.tested
    trained = ~frame.index.isin(tested.index)
    if table.changed:
        yield Finding("changed_file", "The file was changed after its checksum was written.")
    for column in ("label", "subject"):
        several = frame.groupby("clip")[column].nunique()
        if len(clips := list(several[several > 1].index)):
            text = f"{len(clips)} clips have more than one {column}: {named(clips)}."
            yield Finding(f"several_{column}s", text)
    yield from _both_sides(frame, trained)
    run = ["seed", "epoch"]
    twice = tested[tested.duplicated(["clip", *run], keep="first")]
    if len(clips := list(dict.fromkeys(twice["clip"]))):
        text = f"{len(clips)} clips stand there more than once and are counted so: {named(clips)}."
        yield Finding("doubled_clips", text)
    everyone = dict.fromkeys(tested["clip"])
    for name, rows in tested.groupby(run):
        there = {*rows["clip"]}
        if missing := [clip for clip in everyone if clip not in there]:
            where = ", ".join(f"{k} {v}" for k, v in zip(run, name, strict=True) if v)
            text = f"{len(missing)} clips are missing in {where}: {named(missing)}."
            yield Finding("missing_clips", f"{text} They count as wrong.")
    if len(clips := list(tested["clip"][tested["predicted"] == ""])):
        text = f"{len(clips)} clips have no prediction, and count as wrong: {named(clips)}."
        yield Finding("no_prediction", text)
    never = sorted({*tested["label"]} - {*tested["predicted"]})
    if never:
        yield Finding("never_predicted", f"Never predicted: {', '.join(never)}.")


def _both_sides(frame: pd.DataFrame, trained: NDArray[np.bool_]) -> Iterator[Finding]:
    """Yield subjects, and clips of one content, that are trained on and tested.

    Where training clips are not listed, a fold trains on all clips that it does not test.
    """
    persons, contents = frame["subject"].map(alike), frame["content"].map(alike)
    for kind, names in (("subject", persons), ("content", contents), ("clip", frame["clip"])):
        known = frame.assign(one=names)[names != ""]
        if trained.any():
            pairs = known.assign(trained=trained).groupby(["fold", "one"])["trained"]
            both = pairs.nunique().groupby("one").max()
        else:
            both = known.groupby(["seed", "one"])["fold"].nunique().groupby("one").max()
        wrong = known[known["one"].isin(both[both > 1].index)]
        if len(wrong) == 0:
            continue
        shown = "clip" if kind == "content" else kind
        spelt = list(dict.fromkeys(wrong[shown]))
        clips = wrong["clip"].nunique()
        words = {"subject": "subjects are", "clip": "clips are"}.get(kind, "clips share contents")
        what = f"{len(spelt)} {words} in training and in test"
        more = "" if kind == "clip" else f" ({clips} of {frame['clip'].nunique()} clips)"
        yield Finding(f"{kind}s_on_both_sides", f"{what}{more}: {named(spelt)}.")
    copies = frame[contents != ""].assign(one=contents).groupby("one")["clip"].unique()
    if doubled := [list(clips) for clips in copies if len(clips) > 1]:
        text = f"{len(doubled)} contents are listed as several clips: {named(doubled[0])}."
        yield Finding("doubled_contents", text)


def of_epochs(runs: Runs) -> Iterator[Finding]:
    """Yield what is to say where a score per epoch exists."""
    names = list(runs.epochs)
    if names == [BEST]:
        text = "The log holds, per subject, the epoch that does best on that subject's test clips"
        yield Finding("best_epoch", f"{text}; what the last epoch gives is not in it.")
    elif len(names) > 1:
        found = runs.ways
        scores = ", ".join(f"{way}: UF1 {found[way]['uf1']:.4f}" for way in (EPOCH, EPOCHS))
        text = f"Predictions of {len(names)} epochs; the last, {names[-1]}, is scored"
        yield Finding("scores_per_epoch", f"{text}: UF1 {found[POOLED]['uf1']:.4f} ({scores}).")


def of_claims(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield what printed values are, see `claims.weigh`, where the predictions do not give them."""
    for row in rows:
        name = row["metric"] if row["metric"] == "accuracy" else row["metric"].upper()
        where = "" if row["data_set"] == ALL else f" of {row['data_set']}"
        printed = f"The printed {name}{where}, {row['printed']}, is"
        own = f"{FORMULAS[row['metric']]} is {row['value']:.4f}."
        if not row["possible"]:
            text = (
                f"{printed} what no whole number of {row['predictions']} predictions gives; {own}"
            )
            yield Finding("impossible_rounding", text)
        if row["equals"]:
            way, formula = row["equals"][0]["way"], row["equals"][0]["formula"]
            how = "" if way == POOLED else f", {way}"
            if len(row["equals"]) > 1:  # of few decimals, or of folds that are subjects
                how += f" (one of {len(row['equals'])} values that are printed so)"
            kind = CHOSEN.get(way, formula if way == POOLED else "averaged")
            yield Finding(kind, f"{printed} the {FORMULAS[formula]}{how}; {own}")
        elif not row["agrees"] and row["possible"]:
            yield Finding("not_reproduced", f"{printed} given by no known way of scoring; {own}")
