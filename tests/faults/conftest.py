"""What the tests of faults share: a command line that has to fail well, and rows of a page.

``docs/faults.md`` is written from what these tests see: ``pytest tests/faults --write-faults``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_page import Rows, plain

from microexpr.cli import main

ROWS = Rows()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", action="store_true", help="write docs/faults.md")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and "tests/faults/" in report.nodeid:
        ROWS.skipped.append(report.nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The page is compared when all rows are there.
    items.sort(key=lambda item: item.path.name == "test_page.py")


@pytest.fixture(scope="session")
def rows() -> Rows:
    return ROWS


@pytest.fixture
def fault_row(rows: Rows, tmp_path: Path) -> Callable[..., None]:
    """Add a row to the page."""

    def add(section: str, fault: str, message: str, code: object, lost: str = "nothing") -> None:
        shown = plain(message, tmp_path)
        key = (section, fault)
        assert key not in rows.found, f"two rows for {key}"
        rows.found[key] = f"| {fault} | {shown} | {code} | {lost} |\n"

    return add


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        # The report of the index is there to be read when the data set is refused.
        if path.is_file() and not path.name.startswith("manifest_report.csv")
    }


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str]]]:
    """Run the command line; give its exit code and the lines of its standard error."""

    def run(*arguments: object) -> tuple[int, list[str]]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, [line for line in capsys.readouterr().err.splitlines() if line]

    return run


@pytest.fixture
def fails(command, fault_row, tmp_path) -> Callable[..., str]:
    """Run a command that must fail: a line per fault, exit code 2, no file new or changed.

    The first line is the message that counts.
    """

    def check(section: str, fault: str, *arguments: object, says: str, row: bool = True) -> str:
        before = listing(tmp_path)
        code, lines = command(*arguments)
        assert code == 2, (code, lines)
        assert not any("Traceback" in line for line in lines)
        name = " ".join(map(str, arguments[: 2 if arguments[0] == "stage" else 1]))
        own = [line for line in lines if line.startswith(f"microexpr {name}: ")]
        assert lines[-len(own) :] == own, lines
        message = own[0]
        assert re.search(says, message), message
        assert len(message) < 600, message
        assert listing(tmp_path) == before
        if row:
            fault_row(section, fault, message.partition(": ")[2], code)
        return message

    return check
