"""A judgement for people: a page of HTML that needs nothing else, and lines for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from microexpr.apps.judge.scoring import ALL, FORMULAS
from microexpr.report.document import Block, Document, Grid, Section, page, plain

SHORT = {"accuracy": "accuracy", "uf1": "UF1", "uar": "UAR", "auc": "AUC"}
FULL = "all clips"
ABOUT = (
    "Scores are of all tested clips together, the last epoch, the mean over the seeds. Intervals "
    "take the subjects as the sample. p: permutation test over subjects."
)
NOTHING = "Nothing was found. That is no proof: only what the file holds can be checked."
Rows = Sequence[Mapping[str, Any]]


def html(judgement: Mapping[str, Any]) -> str:
    """Write the page."""
    sections = [Section(title, blocks) for title, blocks in _sections(judgement) if blocks]
    return page(Document(f"Judgement of {plain(judgement['file'])}", sections))


def lines(judgement: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is printed: what was read, scores and findings."""
    yield _read(judgement)
    yield from judgement["notes"]
    for part, rows in _by_part(judgement["scores"]).items():
        cells = (f"{SHORT[r['metric']]} {r['value']:.4f} ({_range(r)})" for r in rows)
        yield f"{part}: {', '.join(cells)}"
    for row in judgement.get("against", {}).get("differences", ()):
        what = f"{SHORT[row['metric']]} minus that of {judgement['against']['file']}"
        yield f"{what}: {row['difference']:+.4f} ({_range(row)}), p {row['p']:.4f}"
    for finding in judgement["findings"]:
        yield f"{finding['kind']}: {finding['text']}"


def _by_part(rows: Rows) -> dict[str, Rows]:
    parts = {row["data_set"]: row["data_set"] if row["data_set"] != ALL else FULL for row in rows}
    return {shown: [r for r in rows if r["data_set"] == part] for part, shown in parts.items()}


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
    printed = [_printed(row) for row in judgement["printed"]]
    yield "Printed values", [_grid(printed)] if printed else []
    scores = [_scores(part, rows) for part, rows in _by_part(judgement["scores"]).items()]
    yield "Scores", [_grid(scores), ABOUT]
    if other := judgement.get("against"):
        about = f"{other['clips']} clips of {other['subjects']} subjects are in both files. "
        yield f"Difference to {plain(other['file'])}", [about, _grid(other["differences"])]
    ways = [{FORMULAS.get(key, key): v for key, v in row.items()} for row in judgement["ways"]]
    yield "The same predictions, scored in other ways", [_grid(ways)]
    yield "Controls that see no face", [_grid(judgement["controls"])]
    yield "Classes", [_grid(judgement["classes"])]
    yield "Subjects", [_grid(judgement["subjects"])]
    yield "What was read", [[plain(_read(judgement)), *map(plain, judgement["notes"])]]


def _printed(row: Mapping[str, Any]) -> dict[str, Any]:
    equals = "; ".join(f"{FORMULAS[x['formula']]}, {x['way']}" for x in row["equals"])
    about = "yes" if row["agrees"] else f"no: {equals or 'no known way gives it'}"
    cells = {"clips": FULL if row["data_set"] == ALL else row["data_set"]}
    cells |= {"metric": SHORT[row["metric"]], "printed": row["printed"]}
    return cells | {"from the predictions": row["value"], "agrees": about}


def _scores(part: str, rows: Rows) -> dict[str, Any]:
    """Arrange scores as papers print them: two columns per metric."""
    cells = {"": part, "clips": rows[0]["clips"], "subjects": rows[0]["subjects"]}
    for row in rows:
        name = SHORT[row["metric"]]
        cells |= {name: row["value"], f"{name} interval": _range(row)}
    return cells


def _grid(rows: Rows) -> Grid:
    texts = [{k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    return Grid(pd.DataFrame(texts).fillna(""))
