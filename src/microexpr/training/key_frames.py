"""Errors of key frames: onset, apex and offset a few frames beside where they were.

Windows are indices into cached frames, so a clip that starts later or ends earlier computes no
frame again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microexpr.training.store import FeatureStore


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


@dataclass(frozen=True)
class Cut:
    """Some consecutive frames of a clip's features, read where they lie."""

    data: Any  # (T, C, h, w)
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def shape(self) -> tuple[int, ...]:
        """Their shape, (frames, C, h, w)."""
        return (len(self), *self.data.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Their type."""
        return np.dtype(self.data.dtype)

    def __getitem__(self, frames: Any) -> np.ndarray:
        """Return frames by their numbers, from 0, strictly increasing; all of them for ``...``."""
        chosen = slice(None) if frames is ... else frames
        return np.asarray(self.data[np.arange(self.start, self.stop)[chosen]])


def with_errors(store: FeatureStore, *, onset: int, offset: int) -> FeatureStore:
    """Return a store whose clips start and end `onset` and `offset` frames beside where they did.

    Features count from the first frame that is left, as ``onset_difference`` does.
    """
    if not onset and not offset:
        return store
    cuts = []
    for clip_id, data in zip(store.clip_ids, store.data, strict=True):
        last = len(data) - 1
        start = moved_frame(f"{clip_id} onset", 0, onset, least=0, most=max(last - 1, 0))
        end = moved_frame(f"{clip_id} offset", last, offset, least=min(start + 1, last), most=last)
        cuts.append(Cut(data, start, end + 1))
    about = f"{store.digest} {[(cut.start, cut.stop) for cut in cuts]}"
    digest = hashlib.sha256(about.encode()).hexdigest()
    found = replace(store, data=tuple(cuts), frames=None, digest=digest)
    return found if store.frames is None else found.loaded()
