"""Names that people spell in more than one way."""

from __future__ import annotations

import re
import unicodedata


def fold(text: str) -> str:
    """Spell a name so that case, blanks and the two Unicode forms of an umlaut do not matter."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def alike(text: str) -> str:
    """Spell a name so that leading zeros of numbers do not matter either: sub1 is Sub01."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", fold(text))
