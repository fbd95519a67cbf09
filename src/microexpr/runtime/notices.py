"""What the user should know about a result: warnings that are also collected."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from microexpr.errors import MicroexprWarning

log = logging.getLogger(__name__)


@contextmanager
def _taken(take: Callable[[str, tuple[str, int]], bool | None]) -> Iterator[None]:
    """Hand our warnings and their places to `take`; others, and those that it wants, are shown."""
    with warnings.catch_warnings(action="always", category=MicroexprWarning):
        usual = warnings.showwarning

        def show(
            message: Warning | str, category: type[Warning], file: str, line: int, *rest: Any
        ) -> None:
            if not issubclass(category, MicroexprWarning) or take(str(message), (file, line)):
                usual(message, category, file, line, *rest)

        warnings.showwarning = show  # type: ignore[assignment]  # takes the same arguments
        yield


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect our warnings in a list that grows, and show them; one per place in the code."""
    notices: list[str] = []
    places: set[tuple[str, int]] = set()

    def take(text: str, place: tuple[str, int]) -> bool:
        if new := place not in places:  # else the same warning for another plane or window
            places.add(place)
            notices.append(text)
        return new

    with _taken(take):
        yield notices


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show our warnings as single lines of the log."""
    with _taken(lambda text, place: log.warning("warning: %s", text)):
        yield


def notice(text: str) -> None:
    """Warn of something that does not invalidate the result."""
    warnings.warn(text, MicroexprWarning, stacklevel=2)
