"""What README, how-it-works and reading-caches show is what the project does."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import pytest

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/how-it-works.md", "docs/reading-caches.md")
SHOWN = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)


def graph(text: str) -> set[tuple[str, str]]:
    """Read the edges of a mermaid flowchart, by the names of the rules."""
    names = dict(re.findall(r"^\s*(id\d+)\[([\w ,]+)\]", text, flags=re.MULTILINE))
    edges = re.findall(r"^\s*(id\d+) --> (id\d+)", text, flags=re.MULTILINE)
    # The default target only stands for the table, which the test asks for by its own name.
    return {(names[a], names[b]) for a, b in edges if names[b] != "all"}


def test_the_rule_graph_is_current(project):
    done = project.run("--rulegraph", "mermaid-js")
    assert done.returncode == 0, done.stderr
    shown = re.search(r"```mermaid\n(.*?)```", SHOWN, flags=re.DOTALL)[1]
    # The smallest configuration has the demo's rules but for the controls that are trained.
    assert graph(shown) == graph(done.stdout)


def test_the_listing_of_a_cache_is_real(finished):
    path = finished.folder / "results/features/mobilenet_vggface2/pmm/s1-s2.h5"
    shown = re.findall(r"^/s1_ne_01/(\w+) +Dataset \{(.+)\}", SHOWN, flags=re.MULTILINE)
    with h5py.File(path) as file:
        clip = file["s1_ne_01"]
        assert sorted(name for name, _ in shown) == sorted(clip)
        for name, shape in shown:
            assert len(shape.split(", ")) == clip[name].ndim, name


def test_the_readme_is_short():
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") < 150
