"""A text with lists and tables, as Markdown and as a page of HTML that needs nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; margin: 1.5em; max-width: 72em }
h1 { font-size: 1.4em } h2 { font-size: 1.15em; margin-top: 1.6em }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-bottom: 1.2em }
th, td { padding: .2em .6em; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top }
th.text, td.text { text-align: left }
thead th { border-bottom: 2px solid #888 }
small { display: block; color: #666 }
pre, code { background: #f3f3f3; font-size: .9em } pre { padding: .8em; overflow: auto }
.warning { background: #fff1cc; border-left: 4px solid #d98e04; padding: .6em 1em }
.warning { font-weight: bold }
fieldset { display: inline-block; border: 1px solid #ccc; margin: 0 1em 1em 0 }
"""


@dataclass(frozen=True)
class Items:
    """A list of short sentences."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Grid:
    """A table; its cells are shown as they are."""

    frame: pd.DataFrame


@dataclass(frozen=True)
class Code:
    """Text of fixed width."""

    text: str


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it; a plain string is a paragraph."""

    heading: str
    blocks: Sequence[str | Items | Grid | Code]


@dataclass(frozen=True)
class Document:
    """A page.

    Parameters
    ----------
    title : str
        The first heading.
    sections : sequence of Section
        In order.
    warnings : sequence of str
        What must be read before any number; each stands out.
    """

    title: str
    sections: Sequence[Section]
    warnings: Sequence[str] = field(default=())


def markdown(document: Document) -> str:
    """Write a document as Markdown."""
    parts = [f"# {document.title}", *(f"> **{warning}**" for warning in document.warnings)]
    for section in document.sections:
        parts.append(f"## {section.heading}")
        parts += [_markdown_block(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def page(document: Document) -> str:
    """Write a document as HTML: one file without links, for a browser that is offline."""
    body = [f"<h1>{inline(document.title)}</h1>", warnings(document.warnings)]
    for section in document.sections:
        body.append(f"<h2>{inline(section.heading)}</h2>")
        body += [_html_block(block) for block in section.blocks]
    return wrapped(document.title, "\n".join(body))


def wrapped(title: str, body: str, style: str = "") -> str:
    """Put a page around HTML."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>{STYLE}{style}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def warnings(lines: Sequence[str]) -> str:
    """Give warnings as HTML."""
    return "\n".join(f'<p class="warning">{inline(line)}</p>' for line in lines)


def inline(text: str) -> str:
    """Escape a line for HTML; what stands in backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))


def html_table(frame: pd.DataFrame) -> str:
    """Give a table as HTML; columns of numbers are aligned to the right."""
    text = {name: not _is_numeric(frame[name]) for name in frame}
    head = "".join(_cell("th", str(name), text[name]) for name in frame)
    rows = [
        "<tr>"
        + "".join(_cell("td", cell, text[name]) for name, cell in zip(frame, row, strict=True))
        + "</tr>"
        for row in frame.astype(str).itertuples(index=False)
    ]
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table>"


def _cell(tag: str, content: str, text: bool) -> str:
    return f"<{tag}{' class=text' if text else ''}>{inline(content)}</{tag}>"


def _is_numeric(column: pd.Series) -> bool:
    cells = [str(cell).split("-")[0] for cell in column if str(cell) not in ("", "-")]
    return all(re.fullmatch(r"[\d.]*", cell) for cell in cells)


def _markdown_block(block: str | Items | Grid | Code) -> str:
    if isinstance(block, Items):
        return "\n".join(f"- {line}" for line in block.lines)
    if isinstance(block, Code):
        return f"```yaml\n{block.text.rstrip()}\n```"
    if isinstance(block, Grid):
        frame = block.frame
        rules = ["---:" if _is_numeric(frame[name]) else "---" for name in frame]
        rows = [list(map(str, frame)), rules, *frame.astype(str).to_numpy().tolist()]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return block


def _html_block(block: str | Items | Grid | Code) -> str:
    if isinstance(block, Items):
        return "<ul>" + "".join(f"<li>{inline(line)}</li>" for line in block.lines) + "</ul>"
    if isinstance(block, Code):
        return f"<pre>{html.escape(block.text, quote=False)}</pre>"
    if isinstance(block, Grid):
        return html_table(block.frame)
    return f"<p>{inline(block)}</p>"
