"""What determines a fold's result besides the features and the code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from microexpr.config import Reading, Train, Windows
from microexpr.training.store import FeatureStore
from microexpr.training.windows import WindowTable


@dataclass(frozen=True)
class InnerSplit:
    """How the training part of a fold is split to choose something: whole subjects, seeded."""

    folds: int
    seed: int


@dataclass(frozen=True)
class Recipe:
    """What determines a fold's result besides the features.

    Parameters
    ----------
    labels : tuple of str
        Classes, in order.
    n : int
        Frames of a window.
    reading : {"onset_difference", "raw"}
        See :mod:`microexpr.training.readings`.
    seed : int
        Of initial weights, batches, windows drawn, dropout and permuted labels. N and the fold's
        name enter the generators as well, so folds differ and do not depend on which others are
        trained.
    windows, train : Windows, Train
        Sections of the configuration; their lists (``n``, ``readings``, ``seeds``) are not read.
    clip_decision : str
        See :func:`microexpr.training.decisions.decide`.
    choose_epoch : InnerSplit, optional
        Choose the number of epochs on the first inner fold; None: all of ``train.epochs``.
    """

    labels: tuple[str, ...]
    n: int
    reading: Reading
    seed: int
    windows: Windows
    train: Train
    clip_decision: str
    choose_epoch: InnerSplit | None = None

    def plain(self) -> dict[str, Any]:
        """Give all of it, and nothing else, as plain values."""
        return {
            "labels": list(self.labels),
            "n": self.n,
            "reading": self.reading,
            "seed": self.seed,
            "windows": self.windows.model_dump(mode="json", exclude={"n"}),
            "train": self.train.model_dump(mode="json", exclude={"readings", "seeds", "parts"}),
            "clip_decision": self.clip_decision,
            "choose_epoch": self.choose_epoch and asdict(self.choose_epoch),
        }

    def window_table(self, store: FeatureStore) -> WindowTable:
        """Index the windows of all clips."""
        options = self.windows
        return WindowTable.build(
            store.lengths,
            self.n,
            clip_ids=store.clip_ids,
            modes=options.modes,
            even=options.even,
            short=options.short,
        )
