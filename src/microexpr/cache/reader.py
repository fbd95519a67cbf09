"""Reading and verifying a cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from microexpr.cache.schema import COORDINATES, DATASET, SCHEMA_VERSION, Digest, combine
from microexpr.errors import CacheError


@dataclass(frozen=True)
class ClipCache:
    """One clip of an open cache. Arrays are read when asked for."""

    clip_id: str
    group: h5py.Group
    dataset: str

    @property
    def attributes(self) -> dict[str, Any]:
        """The group's attributes as plain Python values."""
        return {
            k: v.item() if isinstance(v, np.generic) else v for k, v in self.group.attrs.items()
        }

    @property
    def data(self) -> h5py.Dataset:
        """Images (T, y, x, 3) uint8, or features (T, channel, y, x)."""
        return self.group[self.dataset]

    def __getitem__(self, coordinate: str) -> np.ndarray:
        return self.group[coordinate][()]

    def __contains__(self, coordinate: str) -> bool:
        return coordinate in self.group

    def __len__(self) -> int:
        return self.data.shape[0]


class Cache:
    """A complete cache, open for reading; iterate over its clips in the order of writing."""

    def __init__(self, file: h5py.File, kind: str) -> None:
        self._file, self.kind = file, kind
        self.clip_ids = list(file)

    @property
    def attributes(self) -> dict[str, Any]:
        """The root attributes as plain Python values."""
        return {
            k: v.item() if isinstance(v, np.generic) else v for k, v in self._file.attrs.items()
        }

    def __iter__(self) -> Iterator[ClipCache]:
        return (self[clip_id] for clip_id in self.clip_ids)

    def __getitem__(self, clip_id: str) -> ClipCache:
        if clip_id not in self._file:
            raise CacheError(f"{self._file.filename}: holds no clip {clip_id}")
        return ClipCache(clip_id, self._file[clip_id], DATASET[self.kind])


@contextmanager
def open_cache(path: str | os.PathLike[str], kind: str | None = None) -> Iterator[Cache]:
    """Open a cache for reading.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str, optional
        The schema it must have; any when None.

    Raises
    ------
    CacheError
        When it is missing, unreadable, incomplete, or of another schema or version.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise CacheError(f"{path}: not a readable HDF5 file ({error})") from None
    with file:
        attributes = file.attrs
        found = str(attributes.get("schema", "")).removeprefix("microexpr/")
        if found not in DATASET:
            raise CacheError(f"{path}: an HDF5 file, but not a cache of microexpr")
        if attributes.get("complete") != 1:
            raise CacheError(f"{path}: incomplete, made by an interrupted run; delete it")
        if kind is not None and found != kind:
            raise CacheError(f"{path}: is a cache of {found}, wanted {kind}")
        version = attributes.get("schema_version")
        if version != SCHEMA_VERSION:
            raise CacheError(f"{path}: schema version {version}, wanted {SCHEMA_VERSION}")
        yield Cache(file, found)


def verify(path: str | os.PathLike[str]) -> str:
    """Read every value and compare with the stored checksum; return the checksum.

    Raises
    ------
    CacheError
        When the file is damaged.
    """
    parts = {}
    with open_cache(path) as cache:
        for clip in cache:
            names = [n for n in (clip.dataset, *COORDINATES) if n in clip]
            digests = Digest()
            for name in names:
                dataset = clip.group[name]
                try:
                    for start in range(0, len(dataset), 64):
                        digests[name].update(np.ascontiguousarray(dataset[start : start + 64]).data)
                except OSError as error:
                    raise CacheError(
                        f"{path}: clip {clip.clip_id}: {name} is damaged ({error})"
                    ) from None
            parts[clip.clip_id] = digests.hexdigest()
        digest = combine(parts)
        if digest != cache.attributes["content_sha256"]:
            raise CacheError(f"{path}: content does not match its checksum; delete and rebuild it")
    return digest
