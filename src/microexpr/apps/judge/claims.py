"""Printed values: whether the predictions give them, and if not, which computation does."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from microexpr.apps.judge.findings import Finding, finding
from microexpr.apps.judge.scoring import ALL, CHOSEN, FORMULAS, METRICS, POOLED, Runs
from microexpr.datasets import sheets
from microexpr.errors import ConfigError

WORDS = {
    "accuracy": ("accuracy", "acc", "war"),
    "uf1": ("uf1", "f1", "macrof1", "f1score"),
    "uar": ("uar", "recall", "balancedaccuracy"),
}
FULL = ("", ALL, "full", "composite")  # names of all clips together
EXAMPLE = "such as accuracy=.8182, casme2:uar=86.86%"
COLUMNS = {"metric": ("metric",), "value": ("value",), "data_set?": ("data_set", "dataset", "part")}


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


def read(words: Sequence[str]) -> list[Claim]:
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


def findings(rows: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
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
