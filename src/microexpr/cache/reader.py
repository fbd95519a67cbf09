"""Read and verify a cache."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from microexpr.cache import schema
from microexpr.cache.checks import check_attributes, check_clip
from microexpr.cache.disk import bound_metadata, reading
from microexpr.errors import CacheError, damage
from microexpr.runtime.files import AnyPath

VERIFIED_FRAMES = 16  # at a time


@dataclass(frozen=True)
class ClipCache:
    """One clip of an open cache. Arrays are read on access."""

    clip_id: str
    group: h5py.Group
    dataset: str

    @property
    def attributes(self) -> schema.Attributes:
        """The group's attributes."""
        return schema.Attributes(self.group, f"{self.group.file.filename}: clip {self.clip_id}")

    @property
    def data(self) -> h5py.Dataset:
        """Images (T, y, x, 3) uint8, or features (T, channel, y, x)."""
        return self.group[self.dataset]

    def __getitem__(self, coordinate: str) -> np.ndarray:
        where = f"{self.group.file.filename}: clip {self.clip_id}: {coordinate}"
        with damage(CacheError, f"{where} is damaged"):
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
    def attributes(self) -> schema.Attributes:
        """The root attributes."""
        return schema.Attributes(self._file, str(self._file.filename))

    def __iter__(self) -> Iterator[ClipCache]:
        return (self[clip_id] for clip_id in self.clip_ids)

    def __getitem__(self, clip_id: str) -> ClipCache:
        if clip_id not in self._file:
            raise CacheError(f"{self._file.filename}: holds no clip {clip_id}")
        where, name = f"{self._file.filename}: clip {clip_id}", schema.DATASET[self.kind]
        with damage(CacheError, f"{where} is damaged"):
            group = self._file[clip_id]
            check_clip(group, name, where)
        return ClipCache(clip_id, group, name)

    def verify(self) -> str:
        """Read every value and return the checksum; raise CacheError if it is not as stored."""
        path, parts = self._file.filename, {}
        for clip in self:
            names = [n for n in (clip.dataset, *schema.COORDINATES) if n in clip]
            digests: dict[str, Any] = defaultdict(hashlib.sha256)
            for name in names:
                dataset = clip.group[name]
                with damage(CacheError, f"{path}: clip {clip.clip_id}: {name} is damaged"):
                    for start in range(0, len(dataset), VERIFIED_FRAMES):
                        rows = dataset[start : start + VERIFIED_FRAMES]
                        digests[name].update(np.ascontiguousarray(rows).data)
            parts[clip.clip_id] = schema.combine(digests)
        digest = schema.combine(parts)
        if digest != self.attributes["content_sha256"]:
            raise CacheError(f"{path}: content does not match its checksum; delete and rebuild it")
        return digest


@contextmanager
def open_cache(path: AnyPath, kind: str | None = None) -> Iterator[Cache]:
    """Open a cache for reading; `kind` is the kind that it must be, any when None.

    CacheError: it is missing, unreadable, incomplete, of another kind or version, or its attributes
    do not match their checksum.
    """
    with reading(path) as file:
        with damage(CacheError, f"{path} is damaged"):
            bound_metadata(file)
            found = _check(file, str(path), kind)
        yield Cache(file, found)


def _check(file: h5py.File, path: str, kind: str | None) -> str:
    """Check that a file is a whole cache with its attributes unchanged; return its kind."""
    check_attributes(file, path)
    attributes = schema.Attributes(file, path)
    found = str(attributes.get("schema", "")).removeprefix("microexpr/")
    if found not in schema.DATASET:
        raise CacheError(f"{path}: an HDF5 file, but not a cache of microexpr")
    if attributes.get("complete") != 1:
        raise CacheError(f"{path}: incomplete, made by an interrupted run; delete it")
    if kind is not None and found != kind:
        raise CacheError(f"{path}: is a cache of {found}, wanted {kind}")
    version = attributes.get("schema_version")
    if version != schema.SCHEMA_VERSION:
        raise CacheError(
            f"{path}: schema version {version}, wanted {schema.SCHEMA_VERSION}; delete it and run "
            "snakemake again"
        )
    for name in file:
        link = file.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink) or not isinstance(file[name], h5py.Group):
            raise CacheError(f"{path}: {name} is no clip")
        check_attributes(file[name], f"{path}: clip {name}")
    if schema.attributes_digest(file) != attributes.get("attributes_sha256"):
        raise CacheError(f"{path}: attributes do not match their checksum; delete and rebuild it")
    return found


def verify(path: AnyPath) -> str:
    """Open a cache and :meth:`Cache.verify` it."""
    with open_cache(path) as cache:
        return cache.verify()
