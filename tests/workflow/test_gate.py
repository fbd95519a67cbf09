"""The gate makes every target of the README, and names the one whose files are missing."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).parents[2]


def test_the_gate_makes_all_that_the_readme_names():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\$ snakemake --cores 8 (?:--\S+ \S+ )*(?:-- )?(\S+)", readme, re.M))
    assert {"results/table.csv", "results/ablation.csv", "figures", "caches"} <= named
    gate = (ROOT / ".ci/run").read_text(encoding="utf-8")
    made = set(re.search(r"^targets=\((.*?)\)", gate, re.M | re.S)[1].split())
    assert named <= made
    # What only the tests need is installed after all of it.
    assert gate.index("targets=(") < gate.index("make report") < gate.index("make lint")


@pytest.fixture
def check(finished, tmp_path):
    """Check targets in a copy of the finished run, after something has happened to it."""
    copy = finished.copy(tmp_path / "copy")

    def run(*targets: str) -> tuple[int, list[str]]:
        command = (sys.executable, ROOT / "tools/check_table.py", "--config", "config/ci.yaml")
        done = copy.execute(*command, *targets)
        assert not done.stderr
        return done.returncode, done.stdout.splitlines()

    return copy.folder, run


def test_a_target_without_its_files_is_named(check):
    folder, run = check
    assert run("results/table.csv", "caches") == (
        0,
        ["target results/table.csv: complete", "target caches: complete"],
    )
    (folder / "results/metrics.csv").write_text("")
    assert run("results/table.csv", "caches", "results/ablation.csv") == (
        1,
        [
            "target results/table.csv: results/metrics.csv is empty",
            "target caches: complete",
            "target results/ablation.csv: there is no results/ablation.csv",
        ],
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("method,class,n_7,", "method,class,n_8,", "has the columns"),
        ("pmm,surprise,", "pmm,anger,", "has the rows"),
        (r"pmm,Accuracy,[\d.]+,", "pmm,Accuracy,,", "has cells that are empty or not between"),
        (r"pmm,Accuracy,[\d.]+,", "pmm,Accuracy,1.5,", "has cells that are empty or not between"),
        (",synthetic", ",smic", "does not call its data synthetic"),
    ],
)
def test_a_table_of_another_shape_is_refused(check, old, new, says):
    folder, run = check
    table = folder / "results/table.csv"
    text = table.read_text()
    table.write_text(re.sub(old, new, text, count=1))
    assert table.read_text() != text
    status, (line,) = run("results/table.csv")
    assert status == 1
    assert line.startswith("target results/table.csv: results/table.csv ")
    assert says in line
