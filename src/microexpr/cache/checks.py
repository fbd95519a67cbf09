"""What a cache may not hold, looked at before any value is read.

A damaged or hostile file can ask for more memory than there is, or point into other files. Sizes
are compared with what the file really stores.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import h5py

from microexpr.cache.schema import COORDINATES
from microexpr.errors import CacheError, MicroexprError, brief

MAX_FRAME_BYTES = 2**27  # a frame of 8K video has 100 MB
MAX_ATTRIBUTES = 256
MAX_ATTRIBUTE_BYTES = 2**16  # of one attribute: what HDF5 keeps beside the data
DTYPES = {"image": "u1", "feature": "f"}
# gzip, shuffle, checksum, zstd: what caches are written with.
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, 32015}
CHECKSUM_BYTES = 4  # at the end of a piece


@contextmanager
def damage_named(where: str) -> Iterator[None]:
    """Turn whatever HDF5 raises on a damaged file into one line that names the place."""
    try:
        yield
    except MicroexprError:
        raise
    except Exception as error:  # the library has no exception of its own for damage
        raise CacheError(f"{where} is damaged ({brief(error)})") from None


def check_attributes(node: h5py.File | h5py.Group, where: str) -> None:
    """Refuse attributes whose values would be large.

    Raises
    ------
    CacheError
        Naming the attribute.
    """
    if len(node.attrs) > MAX_ATTRIBUTES:
        raise CacheError(f"{where}: has {len(node.attrs)} attributes")
    for name in node.attrs:
        kind = node.attrs.get_id(name)
        if kind.dtype.kind == "O":  # of variable length: it lies elsewhere, without a checksum
            raise CacheError(f"{where}: attribute {name!r} is of variable length")
        if kind.get_storage_size() > MAX_ATTRIBUTE_BYTES:
            raise CacheError(f"{where}: attribute {name!r} is too large for a cache")


def check_clip(group: h5py.Group, name: str, where: str) -> None:
    """Refuse a clip whose arrays are not those of a cache, or not all there.

    Parameters
    ----------
    group : Group
        The clip.
    name : str
        Of the data set with its frames.
    where : str
        File and clip, for the message.

    Raises
    ------
    CacheError
        Naming the array.
    """
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
        raise CacheError(f"{label} has shape {array.shape} in pieces of {array.chunks}")
    # A shape costs nothing; frames that were never written would be read as zeros.
    needed = -(-len(array) // array.chunks[0])
    if len(array) == 0 or array.id.get_num_chunks() != needed:
        raise CacheError(f"{label} has shape {array.shape}, but not all of it is in the file")
    _check_pieces(array, label)


def _check_pieces(array: h5py.Dataset, label: str) -> None:
    """Refuse what the library would crash on: a piece that is shorter than its own checksum."""
    settings = array.id.get_create_plist()
    used = {settings.get_filter(i)[0] for i in range(settings.get_nfilters())}
    if not used <= FILTERS or h5py.h5z.FILTER_FLETCHER32 not in used:
        raise CacheError(f"{label} is not compressed as caches are")
    odd: list[int] = []

    def look(piece: h5py.h5d.StoreInfo) -> None:
        if piece.filter_mask or piece.size <= CHECKSUM_BYTES:
            odd.append(piece.size)

    array.id.chunk_iter(look)
    if odd:
        raise CacheError(f"{label} is damaged (a piece of {odd[0]} bytes)")
