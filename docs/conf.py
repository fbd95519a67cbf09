"""The documentation site: the pages of docs/, the commands' help, and the API's docstrings.

    make docs

The folder of the sources is the repository's root, so that links between README, config/ and docs/
hold in both places. Warnings are errors, and the site needs no network to be read or searched.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from pygments.lexers.python import PythonLexer
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from microexpr import __version__
from microexpr.cli import parser_of_all

project, author, copyright = "microexpr", "microexpr contributors", "microexpr contributors"
release = version = __version__
root_doc = "docs/index"
include_patterns = ["README.md", "README.zh.md", "CONTRIBUTING.md", "CHANGELOG.md"]
include_patterns += ["config/README.md", "profiles/README.md", "docs/**"]
exclude_patterns = ["**/__pycache__"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
suppress_warnings = ["myst.header"]  # pages may begin with a second-level heading
numpydoc_show_class_members = False
autodoc_typehints = "none"  # types stand in the docstrings, with shapes and units
html_theme, html_title = "furo", f"microexpr {version}"
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
os.environ["COLUMNS"] = "100"  # of the commands' help


class Notebook(MystParser):
    """Show a notebook: its text as Markdown, its code as blocks."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse the text of all cells."""
        cells = json.loads(inputstring)["cells"]
        super().parse("\n\n".join(map(_cell, cells)), document)


def _cell(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    return text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"


def commands(parser: argparse.ArgumentParser, level: int = 2) -> Iterator[str]:
    """Yield the help of a command and of all below it, each under a heading."""
    yield f"{'#' * level} {parser.prog}\n\n```text\n{parser.format_help()}```"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from commands(below, level + 1)


def fill_in(app: Sphinx, page: str, source: list[str]) -> None:
    """Write the help of all commands where the page of commands has its mark."""
    if page == "docs/reference/commands":
        source[0] = source[0].replace("<!-- commands -->", "\n\n".join(commands(parser_of_all())))


def setup(app: Sphinx) -> None:
    """Register notebooks, the page of commands, and languages of code blocks."""
    app.add_lexer("mermaid", TextLexer)
    app.add_lexer("snakemake", PythonLexer)
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(Notebook)
    app.connect("source-read", fill_in)
