"""Windows of N frames as indices into cached frames, and the settings of a training.

With errors of key frames, a clip starts later or ends earlier: no frame is computed again.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from microexpr.config import Train, Windows
from microexpr.config.training import RUNS, FeatureMode
from microexpr.errors import DataError
from microexpr.training.store import FeatureStore

EVEN_STEPS = range(2, 7)


def windows(
    length: int,
    n: int,
    *,
    modes: Sequence[str] = ("continuous", "even"),
    even: str = "all_steps",
    short: str = "pad",
) -> np.ndarray:
    """Return the frames, (W, N) int64 from 0, of each window of one clip, by step, then by start.

    `length` and `n` are the frames of the clip, L, and of a window, N. `modes`: ``continuous``,
    ``even``, or ``middle``, one window that repeats frame L // 2. Of `even`, ``all_steps`` takes
    s = 2..6 wherever ``L - start >= N * s``, so the last s - 1 frames are never reached (the rule
    of the 2020 code); ``length_step`` s = L // N, up to the last frame, if it is not 1 and
    continuous. Where no window fits, `short` is to ``pad`` (repeat the first frame in front),
    ``drop`` or ``fail`` (DataError).
    """
    if length < 1:
        raise DataError("the clip has no frame")
    if "middle" in modes:
        return np.full((1, n), length // 2)
    found = [
        np.arange(starts)[:, None] + step * np.arange(n)
        for step, starts in _steps(length, n, modes, even)
    ]
    if found:
        return np.concatenate(found)
    if short == "drop":
        return np.empty((0, n), np.int64)
    step = 1 if "continuous" in modes or even == "length_step" else EVEN_STEPS[0]
    if short == "fail":
        raise DataError(
            f"{length} frames hold no window: windows.n = {n} needs {n * step} "
            "(windows.short: pad or drop)"
        )
    return np.maximum(step * np.arange(n) - (n * step - length), 0)[None]


def _steps(length: int, n: int, modes: Sequence[str], even: str) -> Iterator[tuple[int, int]]:
    """Yield each step that fits, with its number of starts."""
    if "continuous" in modes and length >= n:
        yield 1, length - n + 1
    if "even" not in modes:
        return
    if even == "all_steps":
        yield from ((s, length - n * s + 1) for s in EVEN_STEPS if length >= n * s)
    elif (step := length // n) > ("continuous" in modes):
        yield step, length - (n - 1) * step


@dataclass(frozen=True)
class WindowTable:
    """The windows of many clips whose frames are numbered consecutively."""

    rows: np.ndarray  # (W, N) int64: frames; a clip's windows in the order of `windows`
    counts: np.ndarray  # (clips,) int64: windows per clip; 0 for a clip that was dropped

    @classmethod
    def build(
        cls, lengths: Iterable[int], n: int, *, clip_ids: Sequence[str], **options: Any
    ) -> "WindowTable":
        """List the windows of clips of `lengths` frames; options as :func:`windows`."""
        found, first_row = [], 0
        for clip_id, length in zip(clip_ids, lengths, strict=True):
            try:
                rows = windows(length, n, **options)
            except DataError as error:
                raise DataError(f"clip {clip_id}: {error}") from None
            found.append(rows + first_row)
            first_row += length
        return cls(np.concatenate(found), np.array([len(rows) for rows in found]))

    def only(self, chosen: np.ndarray) -> "WindowTable":
        """Return the windows that are `chosen`, (W,) bool."""
        owner = np.repeat(np.arange(len(self.counts)), self.counts)[chosen]
        return WindowTable(self.rows[chosen], np.bincount(owner, minlength=len(self.counts)))

    @cached_property
    def first(self) -> np.ndarray:
        """Number of each clip's first window, (clips,) int64."""
        return np.cumsum(self.counts) - self.counts

    def of(self, clip: int) -> np.ndarray:
        """Return the windows of one clip, (W, N) int64."""
        return self.rows[self.first[clip] : self.first[clip] + self.counts[clip]]

    def draw(
        self, clips: np.ndarray, per_clip: int | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw `per_clip` windows of each of `clips`, (B,) int64; all if None or if it has no more.

        One is drawn from each of as many sections of a clip's list: no window twice, all steps in
        every epoch. Return windows, (W, N) int64, and the position of each one's clip, (W,).
        """
        counts = self.counts[clips]
        sections = per_clip or max(int(counts.max()), 1)
        edges = np.arange(sections + 1) * counts[:, None] // sections
        sizes = np.diff(edges, axis=1)
        inside = (rng.random(sizes.shape) * sizes).astype(np.int64)
        owner, _ = chosen = np.nonzero(sizes)
        return self.rows[(self.first[clips][:, None] + edges[:, :-1] + inside)[chosen]], owner


@dataclass(frozen=True)
class InnerSplit:
    """How a fold's training clips are split by subject, to choose something on them."""

    folds: int
    seed: int


@dataclass(frozen=True)
class Recipe:
    """Everything besides the features and the fold that determines the result of a fold."""

    labels: tuple[str, ...]  # all classes, in order
    n: int  # frames of a window
    feature_mode: FeatureMode
    seed: int
    windows: Windows
    train: Train
    clip_decision: str  # see `microexpr.training.model.decide`
    choose_epoch: InnerSplit | None = None  # on the first inner fold; None: ``train.epochs``
    best_epoch_on_test: bool = False  # what nobody may do; see `predictions.BestOnTest`

    def plain(self) -> dict[str, Any]:
        """Return all of it as plain values, for checksums."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return plain | {
            "labels": list(self.labels),
            "windows": self.windows.model_dump(mode="json", exclude={"n"}),
            "train": self.train.model_dump(mode="json", exclude={*RUNS}),
            "choose_epoch": self.choose_epoch and asdict(self.choose_epoch),
        }

    def window_table(self, store: FeatureStore) -> WindowTable:
        """List the windows of all clips of a store."""
        settings = self.windows
        options = {"modes": settings.modes, "even": settings.even, "short": settings.short}
        table = WindowTable.build(store.lengths, self.n, clip_ids=store.clip_ids, **options)
        return WindowTable(self._shuffled(table.rows), table.counts)

    def sequences(
        self, store: FeatureStore, table: WindowTable, clips: Sequence[int]
    ) -> list[np.ndarray]:
        """Return what clips are tested with, (W, N) each: windows of `table`, or whole clips."""
        if self.clip_decision == "whole_clip":
            found = [self._shuffled(store.rows([clip])[None]) for clip in clips]
        else:
            found = [table.of(clip) for clip in clips]
        return [rows[:, ::-1] for rows in found] if self.windows.order == "reversed" else found

    def _shuffled(self, rows: np.ndarray) -> np.ndarray:
        """Return the frames of each window, (W, N), in random order where that is asked for."""
        if self.windows.order != "shuffled":
            return rows
        return np.random.default_rng([self.seed, self.n]).permuted(rows, axis=1)


def moved_frame(name: str, at: int, error: int, *, least: int, most: int) -> int:
    """Return frame `at` moved by `error` frames, earlier or later as a clip's `name` decides.

    Where there is no frame (outside `least` to `most`), it moves the other way, as far as it can.
    """
    if not error:
        return at
    later = hashlib.sha256(name.encode()).digest()[0] % 2 == 0
    ways = [at + error, at - error] if later else [at - error, at + error]
    if least <= ways[0] <= most:
        return ways[0]
    return max((min(max(way, least), most) for way in ways), key=lambda frame: abs(frame - at))


def with_errors(store: FeatureStore, *, onset: int, offset: int) -> FeatureStore:
    """Return a store whose clips start and end `onset` and `offset` frames beside where they did.

    Features count from the first frame that is left, as ``onset_difference`` does.
    """
    if not onset and not offset:
        return store
    spans = []
    for clip_id, data in zip(store.clip_ids, store.data, strict=True):
        last = len(data) - 1
        start = moved_frame(f"{clip_id} onset", 0, onset, least=0, most=max(last - 1, 0))
        end = moved_frame(f"{clip_id} offset", last, offset, least=min(start + 1, last), most=last)
        spans.append(slice(start, end + 1))
    about = f"{store.digest} {[(span.start, span.stop) for span in spans]}"
    digest = hashlib.sha256(about.encode()).hexdigest()
    found = replace(store, frames=None, digest=digest, spans=tuple(spans))
    return found if store.frames is None else found.loaded()
