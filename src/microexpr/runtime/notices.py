"""What the user should know about a clip: warnings that are also kept."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from microexpr.errors import MicroexprWarning


@contextmanager
def noted() -> Iterator[list[str]]:
    """Keep our warnings in a list and pass them on, one from each place in the code.

    Yields
    ------
    list of str
        Grows while the block runs.
    """
    notices: list[str] = []
    places: set[tuple[str, int]] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", MicroexprWarning)
        show = warnings.showwarning

        def note(
            message: Warning | str, category: type[Warning], file: str, line: int, *rest: Any
        ) -> None:
            """Keep a warning the first time that its place gives one, and pass it on."""
            if issubclass(category, MicroexprWarning):
                if (file, line) in places:
                    return  # the same of another plane or window
                places.add((file, line))
                notices.append(str(message))
            show(message, category, file, line, *rest)

        warnings.showwarning = note
        yield notices


def notice(text: str) -> None:
    """Warn of something that does not invalidate the result."""
    warnings.warn(text, MicroexprWarning, stacklevel=2)
