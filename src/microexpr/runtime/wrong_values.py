"""What is wrong with a value, in plain words: pydantic's findings as people would say them."""

import reprlib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

# By pydantic's name of the finding; {braces} hold what it says about the bound.
WORDS = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "too_short": "needs at least {min_length} values",
    "too_long": "takes at most {max_length} values",
    "finite_number": "must be finite",
    "int_from_float": "must be a whole number",
}
# The same by the type that is wanted, the first word of the finding's name.
TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "list": "a list",
    "tuple": "a list",
    "dict": "keys with values",
    "model": "keys with values",
}
SHORT = reprlib.Repr()
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother = 2, 80, 80


def said(found: Mapping[str, Any], keys: Iterable[str] = ()) -> str:
    """Return what follows a value's name, on a finding of ``ValidationError.errors()``.

    `keys` are those that there are, from which the nearest is proposed for an unknown one.
    """
    kind, got = found["type"], " ".join(SHORT.repr(_plain(found["input"])).split())
    if kind == "extra_forbidden":
        return f" is no key{nearest(str(found['loc'][-1]), keys)}"
    if kind in WORDS:
        bounds = {name: _plain(bound) for name, bound in found.get("ctx", {}).items()}
        text = WORDS[kind].format(**bounds)
    elif kind.partition("_")[0] in TYPES and kind.endswith(("_type", "_parsing")):
        text = f"must be {TYPES[kind.partition('_')[0]]}"
    else:
        return f": {found['msg'].removeprefix('Value error, ')}, got {got}"
    if kind == "literal_error":
        choices = found["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        got += nearest(str(found["input"]), choices)
    return f" {text}" if kind == "missing" else f" {text}, got {got}"


def place(found: Mapping[str, Any]) -> str:
    """Return the name of a finding's value, such as ``magnify.methods[0]``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in found["loc"])
    return "".join(parts).removeprefix(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` with what is nearest to a word, or nothing."""
    near = get_close_matches(word, [*known], n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _plain(value: Any) -> Any:
    """Return a number as it is written: -1 and not -1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
