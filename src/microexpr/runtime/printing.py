"""What is printed: no text of a file, a name or a library can act on the terminal."""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# Control characters but tab and line feed, signs that turn the direction of a line, and bytes of a
# name that are no UTF-8.
ACTING = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return a text with characters that act on a terminal spelt out, such as ``\x1b``."""
    return ACTING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class Printed:
    """A stream that prints :func:`printable` texts, in characters that its encoding has."""

    def __init__(self, stream: TextIO) -> None:
        # Rich looks here for the stream that its own colours and bars are written to.
        self._stream = self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write a text; return its length."""
        encoding = self._stream.encoding or "utf-8"
        known = printable(text).encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(known)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def safe_streams() -> Iterator[None]:
    """Print on `Printed` streams; where one was closed before the start, on nothing."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Printed(stream or io.StringIO()) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
