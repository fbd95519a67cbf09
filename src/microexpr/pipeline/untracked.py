"""Parameters of jobs whose change makes no result stale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Untracked:
    """A part of a command that Snakemake does not compare with an earlier run's.

    It records parameters of Python's own types only; this is none of them.

    Parameters
    ----------
    make : callable
        Returns the text when a command is spelt.
    """

    make: Callable[[], str]

    def __str__(self) -> str:
        return self.make()
