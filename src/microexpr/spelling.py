"""Names that people spell in more than one way."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable


def fold(text: str) -> str:
    """Spell a name so that case, blanks and the two Unicode forms of an umlaut do not matter."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def alike(text: str) -> str:
    """Spell a name so that leading zeros of numbers do not matter either: sub1 is Sub01."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", fold(text))


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that are spelt nearly like `name`, the nearest first; at most three."""
    spelt = {alike(other): other for other in known}
    return [spelt[match] for match in difflib.get_close_matches(alike(name), spelt, n=3)]
