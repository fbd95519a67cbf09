"""docs/faults.md is what the tests saw."""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_page import PAGE


def test_the_committed_page_is_what_the_tests_saw(request: pytest.FixtureRequest, rows) -> None:
    """Runs last. With some tests only, their rows are looked for; with all, the page is equal.

    So some tests can write their rows anew; that the others' are right is seen when all run.
    """
    files = {item.path for item in request.session.items}
    everything = set(Path(__file__).parent.glob("test_*.py")) <= files
    chosen = request.config.option.keyword or request.config.option.markexpr
    # One of several processes sees the rows of its own files only.
    alone = not hasattr(request.config, "workerinput")
    complete = everything and alone and not (chosen or rows.skipped or request.session.testsfailed)
    if request.config.getoption("--write-faults", default=False):
        PAGE.write_text(rows.text(kept="" if complete else PAGE.read_text("utf-8")), "utf-8")
    committed = PAGE.read_text(encoding="utf-8")
    for row in rows.found.values():
        assert row in committed, "run: pytest tests/faults --write-faults"
    if complete:
        assert committed == rows.text(), "run: pytest tests/faults --write-faults"
