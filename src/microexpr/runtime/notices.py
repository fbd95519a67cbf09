"""What the user should know about a result: warnings that are also collected."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from microexpr.errors import MicroexprWarning

log = logging.getLogger(__name__)


@contextmanager
def noted() -> Iterator[list[str]]:
    """Collect our warnings in a list that grows, and show them; one per place in the code."""
    notices: list[str] = []
    places: set[tuple[str, int]] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", MicroexprWarning)
        show = warnings.showwarning

        def collect(
            message: Warning | str, category: type[Warning], file: str, line: int, *rest: Any
        ) -> None:
            if issubclass(category, MicroexprWarning):
                if (file, line) in places:
                    return  # the same warning for another plane or window
                places.add((file, line))
                notices.append(str(message))
            show(message, category, file, line, *rest)

        warnings.showwarning = collect  # type: ignore[assignment]  # takes the same arguments
        yield notices


def notice(text: str) -> None:
    """Warn of something that does not invalidate the result."""
    warnings.warn(text, MicroexprWarning, stacklevel=2)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show our warnings as single lines of the log."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", MicroexprWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, MicroexprWarning):
                log.warning("warning: %s", message)
            else:
                usual(message, category, *rest)

        warnings.showwarning = show  # type: ignore[assignment]  # takes the same arguments
        yield
