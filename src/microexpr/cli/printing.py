"""What trees and tables are printed with."""

from __future__ import annotations

from rich.console import Console

LINE_CHARACTERS = 2000


def console() -> Console:
    """Give a console that wraps on a terminal, and in a file or a pipe neither wraps nor cuts."""
    plain = {"markup": False, "highlight": False}
    found = Console(**plain)
    return found if found.is_terminal else Console(width=LINE_CHARACTERS, **plain)
