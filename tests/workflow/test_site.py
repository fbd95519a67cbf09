"""The documentation site builds without a warning, and is read and searched without a network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from microexpr.cli import parser_of_all
from pages import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("sphinx"), reason="needs microexpr[docs]"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    words = ("-q", "-W", "--keep-going", "-c", "docs", "-d", folder / "doctrees")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *map(str, words), ".", str(folder / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html"


def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]+src=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]+rel=\"stylesheet\"[^>]+href=\"([^\"]+)\"", text)
        assert loaded, page
        assert not [where for where in loaded if where.startswith(("http", "//"))], page


def test_the_search_finds_words_of_pages_of_commands_and_of_the_api(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(index.partition("(")[2].rpartition(")")[0])
    assert {"docs/reference/commands", "docs/reference/api", "README"} <= set(index["docnames"])
    assert {"leav", "magnif"} <= {
        word[:6] if word[:6] == "magnif" else word[:4] for word in index["terms"]
    }


def test_every_command_and_the_notebook_have_a_place(site):
    text = (site / "docs/reference/commands.html").read_text(encoding="utf-8")
    for action in parser_of_all()._actions:
        for name in action.choices or ():
            assert f"microexpr {name}" in text
    notebook = (site / "docs/tutorials/frames-to-model.html").read_text(encoding="utf-8")
    assert "open_features" in notebook and "cell_type" not in notebook
