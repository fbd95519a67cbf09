"""README, CONTRIBUTING and the pages of docs/, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
PAGES = {path.name: path for path in (*FILES, *sorted(ROOT.glob("docs/**/*.md")))}


def blocks(page: str, language: str) -> list[str]:
    """Give the fenced blocks of one language, in order."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
    return fence.findall(PAGES[page].read_text(encoding="utf-8"))
