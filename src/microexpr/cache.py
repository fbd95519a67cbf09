"""HDF5 caches that describe and verify themselves: frames, faces, magnified clips and features.

One file a shard, one group a clip; every axis has a dimension scale, so ``h5ls``, ``h5glance`` and
``xarray.open_datatree(engine="h5netcdf")`` show names and units. A file is written under a temporary
name and renamed when it is complete: whoever finds a cache finds a whole one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from microexpr.errors import CacheError

SCHEMA_VERSION = "1.0"
DATASET = {"frames": "image", "faces": "image", "magnified": "image", "features": "feature"}
COORDINATES = {
    "frame": ("i4", (), {"long_name": "source frame number"}),
    "time": ("f8", (), {"long_name": "time since the clip's first frame", "units": "s"}),
    "detected": (
        "i1",
        (),
        {"flag_values": np.array([0, 1], "i1"), "flag_meanings": "no_face face"},
    ),
    "box": ("f4", (4,), {"long_name": "detected face: x, y, width, height", "units": "pixel"}),
}
FILTERS: dict[str, dict[str, Any]] = {
    "gzip": {"compression": "gzip", "compression_opts": 1},
    "none": {},
}


@dataclass(frozen=True)
class Provenance:
    """Where a cache comes from; all of it is stored in the file's root attributes.

    Parameters
    ----------
    source_sha256 : str
        Fingerprint of the modules that made it.
    params : mapping
        The part of the configuration that the stage read.
    inputs : sequence of mapping
        ``{"path": ..., "sha256": ...}`` of each file read.
    environment : mapping
        Versions of the libraries that matter.
    weights_name, weights_sha256 : str
        Of the network; empty where there is none.
    """

    source_sha256: str = ""
    params: Mapping[str, Any] | None = None
    inputs: tuple[Mapping[str, str], ...] = ()
    environment: Mapping[str, str] | None = None
    weights_name: str = ""
    weights_sha256: str = ""


def _filter(compression: str, itemsize: int) -> dict[str, Any]:
    if compression == "zstd":
        try:
            import hdf5plugin  # noqa: PLC0415  (optional: only users of zstd need it)
        except ImportError:
            raise CacheError(
                "features.compression: zstd needs the package hdf5plugin (pip install microexpr[zstd])"
            ) from None
        options: dict[str, Any] = {"compression": hdf5plugin.Zstd(clevel=3)}
    else:
        options = dict(FILTERS[compression])
    if options:
        options |= {"shuffle": itemsize > 1, "fletcher32": True}
    return options


class ClipWriter:
    """Appends frames to one clip's group; made by :meth:`CacheWriter.clip`."""

    def __init__(self, group: h5py.Group, name: str, digest: Any, compression: str) -> None:
        self._group, self._name, self._digest, self._compression = group, name, digest, compression
        self.length = 0

    def append(self, data: np.ndarray, **coordinates: np.ndarray) -> None:
        """Add frames.

        Parameters
        ----------
        data : ndarray, shape (T, y, x, 3) uint8 or (T, channel, y, x) float
            Consecutive frames; shape and dtype are fixed by the first call.
        **coordinates : ndarray, shape (T,) or (T, 4)
            ``frame`` and ``time`` always; ``detected`` and ``box`` where known.

        Raises
        ------
        CacheError
            When the frames' shape changes, or a value is not finite.
        """
        if self._name not in self._group:
            self._create(data, coordinates)
        target = self._group[self._name]
        if data.shape[1:] != target.shape[1:] or data.dtype != target.dtype:
            raise CacheError(
                f"clip {self._group.name[1:]}: frame {self.length} is {data.shape[1:]} {data.dtype}, "
                f"the frames before are {target.shape[1:]} {target.dtype}"
            )
        if data.dtype.kind == "f" and not np.isfinite(data).all():
            raise CacheError(
                f"clip {self._group.name[1:]}: {self._name} is not finite from frame {self.length}"
            )
        stop = self.length + len(data)
        for name, values in {self._name: data, **coordinates}.items():
            dataset = self._group[name]
            dataset.resize(stop, axis=0)
            array = np.ascontiguousarray(values, dtype=dataset.dtype)
            dataset[self.length : stop] = array
            self._digest[name].update(array.data)
        self.length = stop

    def _create(self, data: np.ndarray, coordinates: Mapping[str, np.ndarray]) -> None:
        group = self._group
        for name in ("frame", *(c for c in coordinates if c != "frame")):
            dtype, extra, attributes = COORDINATES[name]
            dataset = group.create_dataset(
                name, (0, *extra), dtype, maxshape=(None, *extra), chunks=(1024, *extra)
            )
            dataset.attrs.update(attributes)
        if self._name == "image":
            axes = {"y": data.shape[1], "x": data.shape[2], "rgb": data.shape[3]}
        else:
            axes = {"channel": data.shape[1], "y": data.shape[2], "x": data.shape[3]}
        target = group.create_dataset(
            self._name,
            (0, *data.shape[1:]),
            data.dtype,
            maxshape=(None, *data.shape[1:]),
            chunks=(1, *data.shape[1:]),
            **_filter(self._compression, data.dtype.itemsize),
        )
        for axis, size in axes.items():
            group.create_dataset(axis, data=np.arange(size, dtype="i4"))
        if "box" in coordinates:
            group.create_dataset("corner", data=np.arange(4, dtype="i4"))
        self._attach(target, axes)

    def _attach(self, target: h5py.Dataset, axes: Mapping[str, int]) -> None:
        group = self._group
        for scale in ("frame", *axes, *(("corner",) if "corner" in group else ())):
            group[scale].make_scale(scale)
        for index, axis in enumerate(("frame", *axes)):
            target.dims[index].attach_scale(group[axis])
        for name in ("time", "detected", "box"):
            if name in group:
                group[name].dims[0].attach_scale(group["frame"])
        if "corner" in group:
            group["box"].dims[1].attach_scale(group["corner"])


class CacheWriter:
    """An open cache; made by :func:`create`."""

    def __init__(self, file: h5py.File, kind: str, compression: str) -> None:
        self._file, self._kind, self._compression = file, kind, compression
        self._digests: dict[str, dict[str, Any]] = {}

    @contextmanager
    def clip(self, clip_id: str, **attributes: Any) -> Iterator[ClipWriter]:
        """Open the group of one clip; attributes are strings, numbers or short lists."""
        group = self._file.create_group(clip_id, track_order=True)
        group.attrs.update({k: v for k, v in attributes.items() if v is not None})
        digest = self._digests[clip_id] = _Digest()
        writer = ClipWriter(group, DATASET[self._kind], digest, self._compression)
        yield writer
        if writer.length == 0:
            raise CacheError(f"clip {clip_id}: no frame was written")
        group.attrs["n_decoded"] = writer.length

    def digest(self) -> str:
        """Checksum over all clips: names, coordinates and decoded values."""
        return _combine({clip: d.hexdigest() for clip, d in self._digests.items()})


class _Digest(dict[str, Any]):
    """A running sha256 for each dataset of a clip."""

    def __missing__(self, name: str) -> Any:
        self[name] = hashlib.sha256()
        return self[name]

    def hexdigest(self) -> str:
        return _combine({name: d.hexdigest() for name, d in self.items()})


def _combine(parts: Mapping[str, str]) -> str:
    text = "".join(f"{name}\0{parts[name]}\n" for name in sorted(parts))
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def create(
    path: str | os.PathLike[str],
    kind: str,
    provenance: Provenance,
    *,
    title: str = "",
    compression: str = "gzip",
) -> Iterator[CacheWriter]:
    """Write a cache; the file appears under its name only when everything went well.

    Parameters
    ----------
    path : path-like
        The file; its folder is made.
    kind : {"frames", "faces", "magnified", "features"}
        Which schema.
    provenance : Provenance
        Stored in the root attributes.
    title : str
        One line for people.
    compression : {"gzip", "zstd", "none"}
        Filter of the frames; always lossless.

    Yields
    ------
    CacheWriter
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process number keeps two runs by hand apart; a killed run's leftover is overwritten or ignored.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w", track_order=True) as file:
            os.chmod(temporary, 0o600)  # faces are personal data
            writer = CacheWriter(file, kind, compression)
            file.attrs.update(_root_attributes(kind, provenance, title))
            yield writer
            file.attrs["content_sha256"] = writer.digest()
            file.attrs["complete"] = 1
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _root_attributes(kind: str, provenance: Provenance, title: str) -> dict[str, Any]:
    return {
        "title": title or f"microexpr {kind}",
        "Conventions": "CF-1.11",
        "schema": f"microexpr/{kind}",
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "source_sha256": provenance.source_sha256,
        "weights_name": provenance.weights_name,
        "weights_sha256": provenance.weights_sha256,
        "params_json": json.dumps(provenance.params or {}, sort_keys=True),
        "inputs_json": json.dumps(list(provenance.inputs)),
        "environment_json": json.dumps(provenance.environment or {}, sort_keys=True),
    }


@dataclass(frozen=True)
class ClipCache:
    """One clip of an open cache. Arrays are read when asked for."""

    clip_id: str
    group: h5py.Group
    dataset: str

    @property
    def attributes(self) -> dict[str, Any]:
        """The group's attributes as plain Python values."""
        return {k: v.item() if isinstance(v, np.generic) else v for k, v in self.group.attrs.items()}

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
        return {k: v.item() if isinstance(v, np.generic) else v for k, v in self._file.attrs.items()}

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
        if attributes.get("complete") != 1:
            raise CacheError(f"{path}: incomplete, made by an interrupted run; delete it")
        found = str(attributes.get("schema", "")).removeprefix("microexpr/")
        if found not in DATASET or (kind is not None and found != kind):
            raise CacheError(f"{path}: is a cache of {found or 'nothing known'}, wanted {kind}")
        if attributes.get("schema_version") != SCHEMA_VERSION:
            raise CacheError(
                f"{path}: schema version {attributes.get('schema_version')}, wanted {SCHEMA_VERSION}"
            )
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
            digests = _Digest()
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
        digest = _combine(parts)
        if digest != cache.attributes["content_sha256"]:
            raise CacheError(f"{path}: content does not match its checksum; delete and rebuild it")
    return digest
