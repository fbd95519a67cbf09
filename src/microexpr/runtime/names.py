"""Names that people give to classes, subjects, clips and files: compared, spelt, and shown."""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable

from microexpr.errors import DataError
from microexpr.runtime.printing import printable

MAX_IDENTIFIER = 80  # bytes: names of files, which hold 255, are made of two
# Letters and marks without a shape; other signs without one are of category Cf.
SHAPELESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# Small letters of Cyrillic and Greek whose small or capital forms look Latin.
LOOK_ALIKE = str.maketrans("авекмнорстухіјѕαβεηικορτυχ", "abekmhopctyxijsabehikoptyx")


def visible(text: str) -> str:
    """Return what people see of a name: letters in one form, no sign without a shape, one blank."""
    if not text.isascii():
        text = SHAPELESS.sub("", text)
        text = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
        # Last, because a mark may now stand behind its letter.
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def fold(text: str) -> str:
    """Normalise a name: case, blanks, width and what nobody sees do not matter."""
    for _ in range(2):  # the first time may bring letters and marks together
        text = visible(unicodedata.normalize("NFKC", text).casefold())
    return text


def alike(text: str) -> str:
    """Normalise a name so that its alphabet and leading zeros do not matter: sub1 is Sub01."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", fold(text).translate(LOOK_ALIKE))


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return at most three known names that are spelt similarly, the most similar first."""
    spelt = {alike(other): other for other in known}
    return [spelt[match] for match in difflib.get_close_matches(alike(name), spelt, n=3)]


def readable(name: str) -> str:
    """Return a name, or raise DataError: as bytes that are no UTF-8 it cannot be written down."""
    if not name.isascii() and any("\ud800" <= sign <= "\udfff" for sign in name):
        raise DataError(f"name {printable(name)} is no UTF-8: rename it, such as with convmv")
    return name


def identifier(name: str) -> str:
    """Turn a name into one that files and HDF5 groups can have: other signs become ``_``.

    Two names may become one: see `Names`. DataError: it is no text, or too long for a file name.
    """
    spelt = "".join(sign if _is_allowed(sign) else "_" for sign in visible(readable(name)))
    # No leading dot, which hides a file; no leading dash, which looks like an option.
    kept = re.sub("^-", "_", spelt.strip(".")) or "_"
    if len(kept.encode()) > MAX_IDENTIFIER:
        most = f"{MAX_IDENTIFIER} characters ({MAX_IDENTIFIER // 3} Chinese ones)"
        raise DataError(f"name {kept[:20]}...: is longer than {most}")
    return kept


def _is_allowed(sign: str) -> bool:
    """Whether a sign may be part of an identifier: letters, their marks, digits."""
    return unicodedata.category(sign) in ("Nd", "Mn", "Mc") or sign.isalpha() or sign in "_.+-"


def apart(word: str, names: Collection[str]) -> str:
    """Return a word of ours that none of the `names` of people is: in brackets where one is."""
    taken = set(map(fold, names))
    while fold(word) in taken:
        word = f"({word})"
    return word


class Names:
    """Identifiers that were given to names: two names never become one."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._given: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return a name's identifier; DataError: it has none, or another name has the same."""
        spelt, shown = identifier(name), visible(name)
        other = self._given.setdefault(spelt, shown)
        if other != shown:
            raise DataError(
                f"{self._what} {other!r} and {shown!r} would both be {spelt!r}: rename one, or "
                "both to the same"
            )
        return spelt
