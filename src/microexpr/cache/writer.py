"""Write a cache clip by clip, appending frames; the file appears when it is complete."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from microexpr.backbones.networks import check_compression
from microexpr.cache import schema
from microexpr.cache.disk import Disk, writing
from microexpr.cache.reader import ClipCache
from microexpr.cache.schema import Provenance, combine, text_fixed
from microexpr.errors import CacheError
from microexpr.runtime.files import AnyPath, write_beside


def _filter(compression: str, itemsize: int) -> dict[str, Any]:
    options: dict[str, Any] = {"fletcher32": True}
    if compression != "none":
        options |= {"shuffle": itemsize > 1, "compression": "gzip", "compression_opts": 1}
    if compression == "zstd":
        check_compression(compression)
        import hdf5plugin  # noqa: PLC0415  (optional, for zstd only)

        options |= {"compression": hdf5plugin.Zstd(clevel=3), "compression_opts": None}
    return options


class ClipWriter:
    """Appends frames to one clip's group; made by :meth:`CacheWriter.clip`."""

    def __init__(
        self, group: h5py.Group, disk: Disk, name: str, digest: dict[str, Any], compression: str
    ) -> None:
        self._group, self._disk, self._name = group, disk, name
        self._digest, self._compression = digest, compression
        self.length = 0

    @property
    def attributes(self) -> h5py.AttributeManager:
        """The group's attributes, for values that are known only after its frames."""
        return self._group.attrs

    def checksum(self) -> str:
        """Return the sha256 of the frames so far (bytes in C order), 64 hexadecimal digits."""
        return self._digest[self._name].hexdigest()

    def append(self, data: np.ndarray, **coordinates: np.ndarray) -> None:
        """Add consecutive frames, (T, y, x, 3) uint8 or (T, channel, y, x) float.

        Coordinates, (T,) or (T, 4), are ``frame``, ``time``, and ``detected`` and ``box`` where
        known. CacheError: another shape, or a value is not finite.
        """
        if self._name not in self._group:
            self._create(data, coordinates)
        target = self._group[self._name]
        if data.shape[1:] != target.shape[1:] or data.dtype != target.dtype:
            raise CacheError(
                f"clip {self._group.name[1:]}: frame {self.length} is {data.shape[1:]} "
                f"{data.dtype}, the frames before are {target.shape[1:]} {target.dtype}"
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
        self._disk.check()
        self.length = stop

    def extend(self, blocks: Iterable[np.ndarray], clip: ClipCache) -> None:
        """Add blocks of frames with the coordinates of the same frames of another cache's clip."""
        coordinates = {name: clip[name] for name in schema.COORDINATES if name in clip}
        for block in blocks:
            rows = slice(self.length, self.length + len(block))
            self.append(block, **{name: values[rows] for name, values in coordinates.items()})

    def _create(self, data: np.ndarray, coordinates: Mapping[str, np.ndarray]) -> None:
        group = self._group
        for name in ("frame", *(c for c in coordinates if c != "frame")):
            dtype, extra, attributes = schema.COORDINATES[name]
            options = {"maxshape": (None, *extra), "chunks": (1024, *extra), "fletcher32": True}
            group.create_dataset(name, (0, *extra), dtype, **options).attrs.update(attributes)
        image, shape = self._name == "image", data.shape[1:]
        names = ("y", "x", "rgb") if image else ("channel", "y", "x")
        options = _filter(self._compression, data.dtype.itemsize)
        options |= {"maxshape": (None, *shape), "chunks": (1, *shape)}
        group.create_dataset(self._name, (0, *shape), data.dtype, **options)
        sizes = dict(zip(names, shape, strict=True))
        axes: dict[str, tuple[str, ...]] = {self._name: ("frame", *names)}
        axes |= {name: ("frame",) for name in ("time", "detected") if name in group}
        if "box" in group:
            sizes["corner"], axes["box"] = 4, ("frame", "corner")
        for axis, size in sizes.items():
            group.create_dataset(axis, data=np.arange(size, dtype="i4"))
            if axis in ("x", "y"):
                group[axis].attrs["units"] = "pixel" if image else "cell"
        for scale in ("frame", *sizes):
            group[scale].make_scale(scale)
        for name, scales in axes.items():
            for index, scale in enumerate(scales):
                group[name].dims[index].attach_scale(group[scale])


class CacheWriter:
    """An open cache; made by :func:`create`."""

    def __init__(self, file: h5py.File, disk: Disk, kind: str, compression: str) -> None:
        self._file, self._disk, self._kind, self._compression = file, disk, kind, compression
        self.digests: dict[str, dict[str, Any]] = {}  # sha256 of a clip's arrays, by their names

    @contextmanager
    def clip(self, clip_id: str, **attributes: Any) -> Iterator[ClipWriter]:
        """Yield a writer for one clip; attributes are strings, numbers or short lists."""
        group = self._file.create_group(clip_id, track_order=True)
        known = {name: value for name, value in attributes.items() if value is not None}
        group.attrs.update({name: text_fixed(value) for name, value in known.items()})
        digest = self.digests[clip_id] = defaultdict(hashlib.sha256)
        dataset = schema.DATASET[self._kind]
        writer = ClipWriter(group, self._disk, dataset, digest, self._compression)
        yield writer
        if writer.length == 0:
            raise CacheError(f"clip {clip_id}: no frame was written")
        group.attrs["n_decoded"] = writer.length
        for name, value in group.attrs.items():
            if isinstance(value, str):  # written by the caller
                group.attrs[name] = text_fixed(value)


@contextmanager
def create(
    path: AnyPath, kind: str, provenance: Provenance, *, title: str = "", compression: str = "gzip"
) -> Iterator[CacheWriter]:
    """Yield a writer of a cache; the file gets its name only when the block succeeds.

    `compression` is ``gzip``, ``zstd`` or ``none``. ``NAME.h5.content`` is written beside it: a
    checksum that, unlike the bytes, depends neither on HDF5's version nor on the date; Snakemake
    sees from it whether files made from the cache are valid.
    """
    # Frames are gigabytes that one stage reads: in memory they would replace what others read.
    keep = kind != "frames"
    with writing(path, keep=keep) as (file, disk):
        writer = CacheWriter(file, disk, kind, compression)
        about = {
            "title": title or f"microexpr {kind}",
            "Conventions": "CF-1.11",
            "schema": f"microexpr/{kind}",
            "schema_version": schema.SCHEMA_VERSION,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "source_sha256": provenance.source_sha256,
            "weights_name": provenance.weights_name,
            "weights_sha256": provenance.weights_sha256,
            "params_json": json.dumps(provenance.params or {}, sort_keys=True),
            "inputs_json": json.dumps(list(provenance.inputs)),
            "environment_json": json.dumps(provenance.environment or {}, sort_keys=True),
        }
        file.attrs.update({name: text_fixed(value) for name, value in about.items()})
        yield writer
        content = combine({clip: combine(digest) for clip, digest in writer.digests.items()})
        checksums = {"content": content, "attributes": schema.attributes_digest(file)}
        for name, checksum in checksums.items():
            file.attrs[f"{name}_sha256"] = text_fixed(checksum)
        file.attrs["complete"] = 1
    write_beside(path, schema.CONTENT, f"{combine(checksums)}  content of {Path(path).name}\n")
