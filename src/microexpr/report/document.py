"""A text with lists and tables, as Markdown and as a page of HTML that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Items:
    """A list of short sentences."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Grid:
    """A table; its cells are shown as they are."""

    frame: pd.DataFrame

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Name of each column, and whether it holds numbers."""
        return [(str(name), _is_numeric(self.frame[name])) for name in self.frame]

    @property
    def rows(self) -> list[list[str]]:
        """Cells as text."""
        return self.frame.astype(str).to_numpy().tolist()


@dataclass(frozen=True)
class Code:
    """Text of fixed width."""

    text: str


Block = str | Items | Grid | Code  # a plain string is a paragraph


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A page: title, sections, and warnings that must be read before any number."""

    title: str
    sections: Sequence[Section]
    warnings: Sequence[str] = ()


def markdown(document: Document) -> str:
    """Write a document as Markdown."""
    parts = [f"# {document.title}", *(f"> **{warning}**" for warning in document.warnings)]
    for section in document.sections:
        parts.append(f"## {section.heading}")
        parts += [_markdown_block(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def page(document: Document) -> str:
    """Write a document as HTML: one file without links, for a browser that is offline."""
    warnings, sections = document.warnings, document.sections
    return render("document.html", title=document.title, warnings=warnings, sections=sections)


def render(template: str, **values: Any) -> str:
    """Fill a template of this package; all values are escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["marked"] = marked
    return environment.get_template(template).render(values)


def marked(text: str) -> Markup:
    """Escape a line for HTML; what stands in backticks becomes code, in asterisks bold."""
    code = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", code))


def _is_numeric(column: pd.Series) -> bool:
    cells = [str(cell).split("-")[0] for cell in column if str(cell) not in ("", "-")]
    return all(re.fullmatch(r"[\d.]*", cell) for cell in cells)


def _markdown_block(block: Block) -> str:
    if isinstance(block, Items):
        return "\n".join(f"- {line}" for line in block.lines)
    if isinstance(block, Code):
        return f"```yaml\n{block.text.rstrip()}\n```"
    if isinstance(block, Grid):
        names = [name for name, _ in block.columns]
        rules = ["---:" if number else "---" for _, number in block.columns]
        return "\n".join(f"| {' | '.join(row)} |" for row in [names, rules, *block.rows])
    return block
