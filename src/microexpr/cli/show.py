"""``microexpr inspect``: what is in caches, models and weights; and the console for trees."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from microexpr.runtime.printing import printable


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "inspect",
        help="show what is in caches, models and weights",
        description="Show caches (.h5): clips, frames, sizes, share of zeros, origin, checksum, "
        "and subjects and labels where manifest.csv lies beside or in a folder above; trained "
        "models and converted weights (.safetensors): settings and tensors. All values are read, "
        "and a cache's checksum is compared.",
        epilog="example: microexpr inspect results/features/mobilenet_vggface2/pmm/s1-s3.h5",
    )
    parser.add_argument("file", type=Path, nargs="+", help="cache, model or weights")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises
    ------
    MicroexprError
        When a file is damaged, or none of these.
    """
    from microexpr.cache.inspection import tree

    for path in arguments.file:
        console().print(tree(path))


LINE_CHARACTERS = 2000


class _Console(Console):
    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text without what would act on the terminal."""
        return super().render_str(printable(text), **options)

    def on_broken_pipe(self) -> None:
        """End as all commands do."""
        raise BrokenPipeError


def console() -> Console:
    """Return a console that wraps on a terminal, and in a file or a pipe neither wraps nor cuts."""
    found = _Console(markup=False, highlight=False)
    if not found.is_terminal:
        found.width = LINE_CHARACTERS
    return found
