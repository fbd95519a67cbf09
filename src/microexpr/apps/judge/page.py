"""A judgement for people: a page of HTML that needs nothing else, and lines for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from microexpr.apps.judge.claims import ALL
from microexpr.apps.judge.scoring import FORMULAS
from microexpr.report.document import Block, Document, Grid, Section, page, plain

SHORT = {"accuracy": "accuracy", "uf1": "UF1", "uar": "UAR", "auc": "AUC"}
FULL = "all clips"
ABOUT = (
    "Scores are of all tested clips together, the last epoch, the mean over the seeds. Intervals "
    "take the subjects as the sample. p: permutation test over subjects."
)
NOTHING = "Nothing was found. That is no proof: only what the file holds can be checked."


def html(judgement: Mapping[str, Any]) -> str:
    """Write the page."""
    sections = [Section(title, blocks) for title, blocks in _sections(judgement) if blocks]
    return page(Document(f"Judgement of {plain(judgement['file'])}", sections))


def lines(judgement: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is printed: what was read, scores and findings."""
    yield _read(judgement)
    yield from judgement["notes"]
    parts = dict.fromkeys(row["data_set"] for row in judgement["scores"])
    for part in parts:
        rows = [row for row in judgement["scores"] if row["data_set"] == part]
        cells = (f"{SHORT[r['metric']]} {r['value']:.4f} ({_range(r)})" for r in rows)
        yield f"{FULL if part == ALL else part}: {', '.join(cells)}"
    for row in judgement.get("against", {}).get("differences", ()):
        what = f"{SHORT[row['metric']]} minus that of {judgement['against']['file']}"
        yield f"{what}: {row['difference']:+.4f} ({_range(row)}), p {row['p']:.4f}"
    for finding in judgement["findings"]:
        yield f"{finding['kind']}: {finding['text']}"


def _read(judgement: Mapping[str, Any]) -> str:
    counts = judgement["counts"].items()
    words = (f"{n} {name if n != 1 else name.removesuffix('s')}" for name, n in counts)
    return f"{judgement['file']}: {judgement['format']}; {', '.join(words)}"


def _range(row: Mapping[str, Any]) -> str:
    known = row["low"] is not None
    return f"{row['low']:.4f} to {row['high']:.4f}" if known else "one subject: no interval"


def _sections(judgement: Mapping[str, Any]) -> Iterator[tuple[str, list[Block]]]:
    found = [f"**{one['kind']}**: {plain(one['text'])}" for one in judgement["findings"]]
    yield "Findings", [found or NOTHING]
    yield "Printed values", _printed(judgement["printed"])
    yield "Scores", [_by_part(judgement["scores"]), ABOUT]
    if other := judgement.get("against"):
        about = f"{other['clips']} clips of {other['subjects']} subjects are in both files. "
        yield f"Difference to {plain(other['file'])}", [about, _grid(other["differences"])]
    ways = [{FORMULAS.get(key, key): v for key, v in row.items()} for row in judgement["ways"]]
    yield "The same predictions, scored in other ways", [_grid(ways)]
    yield "Controls that see no face", [_grid(judgement["controls"])]
    yield "Classes", [_grid(judgement["classes"])]
    yield "Subjects", [_grid(judgement["subjects"])]
    yield "What was read", [[plain(_read(judgement)), *map(plain, judgement["notes"])]]


def _printed(rows: Sequence[Mapping[str, Any]]) -> list[Block]:
    shown = []
    for row in rows:
        equals = "; ".join(f"{FORMULAS[x['formula']]}, {x['way']}" for x in row["equals"])
        about = "yes" if row["agrees"] else f"no: {equals or 'no known way gives it'}"
        part = FULL if row["data_set"] == ALL else row["data_set"]
        cells = {"clips": part, "metric": SHORT[row["metric"]], "printed": row["printed"]}
        shown.append(cells | {"from the predictions": row["value"], "agrees": about})
    return [_grid(shown)] if shown else []


def _by_part(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Arrange scores as papers print them: a row per data set, two columns per metric."""
    shown: dict[str, dict[str, Any]] = {}
    for row in rows:
        part = FULL if row["data_set"] == ALL else row["data_set"]
        about = {"": part, "clips": row["clips"], "subjects": row["subjects"]}
        cells = {
            SHORT[row["metric"]]: row["value"],
            f"{SHORT[row['metric']]} interval": _range(row),
        }
        shown[part] = shown.get(part, about) | cells
    return _grid(list(shown.values()))


def _grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    texts = [{k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    return Grid(pd.DataFrame(texts).fillna(""))
