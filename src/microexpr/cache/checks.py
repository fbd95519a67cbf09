"""Checks of a cache before any value is read: a hostile file can ask for any memory."""

import h5py

from microexpr.cache.schema import COORDINATES
from microexpr.errors import CacheError
from microexpr.runtime.ending import shielded

MAX_FRAME_BYTES = 2**27  # a frame of 8K video has 100 MB
MAX_ATTRIBUTES = 256
MAX_ATTRIBUTE_BYTES = 2**16
DTYPES = {"image": "u1", "feature": "f"}
# Filters of caches: gzip, shuffle, checksum, zstd.
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, 32015}
CHECKSUM_BYTES = 4  # at the end of a chunk


def check_attributes(node: h5py.File | h5py.Group, where: str) -> None:
    """Refuse attributes that are too many or too large."""
    if len(node.attrs) > MAX_ATTRIBUTES:
        raise CacheError(f"{where}: has {len(node.attrs)} attributes")
    for name in node.attrs:
        kind = node.attrs.get_id(name)
        if kind.dtype.kind == "O":  # stored elsewhere, without a checksum
            raise CacheError(f"{where}: attribute {name!r} is of variable length")
        if kind.get_storage_size() > MAX_ATTRIBUTE_BYTES:
            raise CacheError(f"{where}: attribute {name!r} is too large for a cache")


def check_clip(group: h5py.Group, name: str, where: str) -> None:
    """Refuse a clip whose arrays are incomplete or no cache's; `name` is that of its frames."""
    for key in group:
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise CacheError(f"{where}: {key} is a link to somewhere else")
    if name not in group or "frame" not in group or "time" not in group:
        raise CacheError(f"{where}: {name}, frame or time is missing")
    frames = group[name]
    _check_array(frames, where, DTYPES[name], 4)
    if name == "image" and frames.shape[3] != 3:
        raise CacheError(f"{where}: {name} has shape {frames.shape}")
    for key, (dtype, extra, _) in COORDINATES.items():
        if key not in group:
            continue
        _check_array(group[key], where, dtype, 1 + len(extra))
        if group[key].shape != (len(frames), *extra):
            raise CacheError(
                f"{where}: {key} has shape {group[key].shape} for {len(frames)} frames"
            )


def _check_array(array: h5py.Dataset, where: str, dtype: str, axes: int) -> None:
    label = f"{where}: {array.name.rsplit('/', 1)[-1]}"
    if not isinstance(array, h5py.Dataset) or array.ndim != axes:
        raise CacheError(f"{label} is no array of {axes} axes")
    if array.dtype.kind != dtype[0] or (len(dtype) > 1 and array.dtype.str[1:] != dtype):
        raise CacheError(f"{label} is of type {array.dtype}")
    if array.is_virtual or array.external or array.chunks is None:
        raise CacheError(f"{label} has its values elsewhere")
    chunk_bytes = array.dtype.itemsize
    for size in array.chunks:
        chunk_bytes *= size
    if chunk_bytes > MAX_FRAME_BYTES or array.chunks[1:] != array.shape[1:]:
        raise CacheError(f"{label} has shape {array.shape} in chunks of {array.chunks}")
    # Any shape can be stated; frames that were never written would be read as zeros.
    needed = -(-len(array) // array.chunks[0])
    if len(array) == 0 or array.id.get_num_chunks() != needed:
        raise CacheError(f"{label} has shape {array.shape}, but not all of it is in the file")
    _check_chunks(array, label)


def _check_chunks(array: h5py.Dataset, label: str) -> None:
    """Refuse a chunk that is shorter than its own checksum: HDF5 would crash."""
    settings = array.id.get_create_plist()
    used = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())}
    if not used <= FILTERS or h5py.h5z.FILTER_FLETCHER32 not in used:
        raise CacheError(f"{label} does not have the filters of a cache")
    odd: list[int] = []

    @shielded
    def check(chunk: h5py.h5d.StoreInfo) -> None:
        if chunk.filter_mask or chunk.size <= CHECKSUM_BYTES:
            odd.append(chunk.size)

    array.id.chunk_iter(check)
    if odd:
        raise CacheError(f"{label} is damaged (a chunk of {odd[0]} bytes)")
