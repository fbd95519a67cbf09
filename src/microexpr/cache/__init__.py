"""HDF5 caches that describe and verify themselves: frames, faces, magnified clips and features.

One file per shard, one group per clip; every axis has a dimension scale, so that ``h5ls``,
``h5glance`` and ``xarray.open_datatree(engine="h5netcdf")`` show names and units. A file is written
under a temporary name and renamed when it is complete: a cache that exists is whole.
"""

from microexpr.cache.reader import Cache, ClipCache, open_cache, verify
from microexpr.cache.schema import Provenance
from microexpr.cache.writer import CacheWriter, ClipWriter, create

__all__ = [
    "Cache",
    "CacheWriter",
    "ClipCache",
    "ClipWriter",
    "Provenance",
    "create",
    "open_cache",
    "verify",
]
