"""Cached features of many shards as one sequence of frames, in memory where they fit."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import h5py
import numpy as np
import torch

from microexpr.cache import Cache, ClipCache, open_cache
from microexpr.cache.provenance import check_same_clips
from microexpr.datasets.manifest import Clip
from microexpr.datasets.manifest import read as read_manifest
from microexpr.errors import CacheError, DataError, damage
from microexpr.fingerprints.code import canonical
from microexpr.protocol.predictions import Examples
from microexpr.runtime.files import AnyPath

# What the clips of one experiment share: attributes of each clip, and of the files
SETTINGS = ("method", "alpha", "passband_hz", "temporal_filter", "backbone", "cut")
ORIGIN = ("weights_sha256", "source_sha256", "params_json")
Found = tuple[AnyPath, ClipCache, dict[str, Any]]  # file, clip, origin


@dataclass(frozen=True)
class FeatureStore(Examples):
    """Output of the frozen blocks for a list of clips, whose frames are numbered throughout."""

    data: tuple[np.ndarray | h5py.Dataset, ...]  # of each clip: (T, C, h, w), float16 or float32
    # The attributes `SETTINGS` and `ORIGIN` of the caches; nothing for arrays.
    origin: Mapping[str, object] = field(default_factory=dict)
    frames: np.ndarray | None = None  # (all frames, C, h, w) in memory; `data` are views of it
    spans: tuple[slice, ...] = ()  # the frames of each clip that count; empty: all of them

    def __post_init__(self) -> None:
        if not self.data:
            raise DataError("no clip: there is nothing to train on")
        for clip_id, data in zip(self.clip_ids, self.data, strict=True):
            if data.shape[1:] != self.shape or len(data) == 0:
                raise DataError(
                    f"clip {clip_id}: features are {data.shape}, those of clip {self.clip_ids[0]} "
                    f"are (T, {', '.join(map(str, self.shape))}): not of one network and cut"
                )

    @classmethod
    def from_arrays(
        cls, features: Mapping[str, np.ndarray], *, subjects: Sequence[str], labels: Sequence[str]
    ) -> "FeatureStore":
        """Make a store of arrays by clip, (T, C, h, w) float16 or float32; pooled: h = w = 1."""
        digest = hashlib.sha256()
        for clip_id, array in features.items():
            digest.update(f"{clip_id} {array.shape} {array.dtype}\n".encode())
            digest.update(np.ascontiguousarray(array).data)
        names, arrays = tuple(features), tuple(features.values())
        return cls(names, tuple(subjects), tuple(labels), arrays, digest=digest.hexdigest())

    def __len__(self) -> int:
        return len(self.clip_ids)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a frame's features, (C, h, w)."""
        return tuple(self.data[0].shape[1:])

    @cached_property
    def lengths(self) -> np.ndarray:
        """Frames of each clip, (clips,) int64."""
        if self.spans:
            return np.array([span.stop - span.start for span in self.spans])
        return np.array([len(data) for data in self.data])

    @cached_property
    def first_row(self) -> np.ndarray:
        """Row of each clip's first frame, (clips,) int64."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def onset_row(self) -> np.ndarray:
        """For each row, the row of its clip's first frame, (all frames,) int64."""
        return np.repeat(self.first_row, self.lengths)

    def loaded(self) -> "FeatureStore":
        """Return this store with all frames in memory."""
        frames = np.empty((int(self.lengths.sum()), *self.shape), self.data[0].dtype)
        views = np.split(frames, self.first_row[1:])
        spans = self.spans or (slice(None),) * len(self)
        for view, data, span in zip(views, self.data, spans, strict=True):
            view[...] = data[span]
        return replace(self, data=tuple(views), frames=frames, spans=())

    def rows(self, clips: Sequence[int]) -> np.ndarray:
        """Return the rows of all frames of some clips, (F,) int64."""
        return np.concatenate([self.first_row[i] + np.arange(self.lengths[i]) for i in clips])

    def read(self, rows: np.ndarray) -> torch.Tensor:
        """Read frames, (F, C, h, w), of strictly increasing rows (F,); CacheError: damaged."""
        if self.frames is not None:
            return torch.from_numpy(self.frames[rows])
        found = np.empty((len(rows), *self.shape), self.data[0].dtype)
        first = self.first_row
        owner = np.searchsorted(first, rows, side="right") - 1
        edges = np.flatnonzero(np.diff(owner, prepend=-1, append=-1))
        for start, stop in pairwise(edges):
            clip = owner[start]
            skipped = self.spans[clip].start if self.spans else 0
            with damage(CacheError, f"clip {self.clip_ids[clip]}: features are damaged"):
                found[start:stop] = self.data[clip][rows[start:stop] - first[clip] + skipped]
        return torch.from_numpy(found)


@contextmanager
def open_features(
    paths: Sequence[AnyPath], manifest: AnyPath | Sequence[Clip], *, memory_bytes: int = 2**26
) -> Iterator[FeatureStore]:
    """Open the feature caches of a data set, with the subjects and labels of its manifest.

    `paths` are all shards, `manifest` their rows or ``manifest.csv``, in the order of the store,
    which is usable inside the block only. Up to `memory_bytes` are loaded (pooled features of
    32,000 frames of 1024 channels), more is read on demand. CacheError: a damaged file, other
    clips, or networks, settings or code that differ. DataError: no manifest.
    """
    rows = read_manifest(manifest) if isinstance(manifest, str | os.PathLike) else manifest
    with ExitStack() as stack:
        caches = [stack.enter_context(open_cache(path, "features")) for path in paths]
        found = _by_name(paths, caches)
        check_same_clips(rows, {name: path for name, (path, *_) in found.items()})
        chosen = [found[row.clip_id][1:] for row in rows]
        names, subjects, labels = (
            tuple(getattr(row, key) for row in rows) for key in ("clip_id", "subject", "label")
        )
        content = sorted(str(cache.attributes["content_sha256"]) for cache in caches)
        digest = hashlib.sha256("\n".join([*content, *names]).encode()).hexdigest()
        data = tuple(clip.data for clip, _ in chosen)
        store = FeatureStore(names, subjects, labels, data, _same_origin(chosen), digest=digest)
        if sum(frames.nbytes for frames in data) > memory_bytes:  # frames are checked when read
            yield store
            return
        for cache in caches:
            cache.verify()
        store = store.loaded()
    yield store


def _by_name(paths: Sequence[AnyPath], caches: Sequence[Cache]) -> dict[str, Found]:
    """Return each clip with its file and what the file says of its origin."""
    found: dict[str, Found] = {}
    for path, cache in zip(paths, caches, strict=True):
        made = {key: cache.attributes[key] for key in ORIGIN}
        # Shards of adopted code and of today's code belong together.
        made["source_sha256"] = canonical("features", str(made["source_sha256"]))
        for clip in cache:
            if clip.clip_id in found:
                raise CacheError(f"{path}: clip {clip.clip_id} is in another shard as well")
            found[clip.clip_id] = path, clip, made
    return found


def _same_origin(clips: Sequence[tuple[ClipCache, dict[str, Any]]]) -> dict[str, Any]:
    """Return the origin of all clips; raise if methods, networks, cuts, weights or code differ."""
    first: dict[str, Any] = {}
    for clip, made in clips:
        found = {key: clip.attributes.get(key) for key in SETTINGS}
        plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in found.items()}
        origin = plain | made
        first = first or origin
        if other := [key for key, value in origin.items() if value != first[key]]:
            raise CacheError(
                f"clip {clip.clip_id}: {other[0]} is {origin[other[0]]}, of clip "
                f"{clips[0][0].clip_id} it is {first[other[0]]}: rebuild the feature caches"
            )
    return first
