"""A text with lists and tables, as Markdown and as a page of HTML that needs nothing else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).parent / "templates"
# What Markdown, or a page that shows it, takes for its own in the middle of a line.
SPECIAL = re.compile(r"[\\`*|\[$]|~(?=~)|<(?=[A-Za-z/!?])|&(?=[#\w]+;)|(?<!\w)_|_(?!\w)")
ESCAPED = 0xF0000  # where escaped signs of a text lie while it is marked up


def plain(text: str) -> str:
    """Return a name as a document's texts hold it: nothing in it is Markdown or HTML."""
    return SPECIAL.sub(lambda found: f"\\{found[0]}", text)


@dataclass(frozen=True)
class Grid:
    """A table; its cells are shown as they are, but for columns whose texts are `marked` up."""

    frame: pd.DataFrame
    marked: Sequence[str] = ()

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """Name of each column, and whether it holds numbers."""
        return [(plain(str(name)), _is_numeric(self.frame[name])) for name in self.frame]

    @property
    def rows(self) -> list[list[str]]:
        """Cells as texts of a document."""
        texts = self.frame.astype(str)
        return texts.apply(lambda c: c if c.name in self.marked else c.map(plain)).values.tolist()


@dataclass(frozen=True)
class Code:
    """Text of fixed width."""

    text: str


# A string is a paragraph, several are a list; names in them are `plain`.
Block = str | Sequence[str] | Grid | Code


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
    return render("document.html", **vars(document))


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
    """Turn a text of a document into HTML: `code`, **bold**, and signs after a backslash."""
    hidden = re.sub(r"\\([!-/:-@[-`{-~])", lambda found: chr(ESCAPED + ord(found[1])), text)
    code = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(hidden)))
    bold = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", code)
    signs = re.compile(f"[{chr(ESCAPED)}-{chr(ESCAPED + 127)}]")
    return Markup(signs.sub(lambda found: str(escape(chr(ord(found[0]) - ESCAPED))), bold))


def _is_numeric(column: pd.Series) -> bool:
    cells = [str(cell).split("-")[0] for cell in column if str(cell) not in ("", "-")]
    return all(re.fullmatch(r"[\d.]*", cell) for cell in cells)


def _markdown_block(block: Block) -> str:
    if isinstance(block, str):
        return block
    if isinstance(block, Code):
        return f"```yaml\n{block.text.rstrip()}\n```"
    if isinstance(block, Grid):
        names = [name for name, _ in block.columns]
        rules = ["---:" if number else "---" for _, number in block.columns]
        return "\n".join(f"| {' | '.join(row)} |" for row in [names, rules, *block.rows])
    return "\n".join(f"- {line}" for line in block)
