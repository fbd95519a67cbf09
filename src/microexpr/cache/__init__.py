"""HDF5 caches that describe and verify themselves: frames, faces, magnified clips and features.

One file per shard, one group per clip; axes have dimension scales, so that ``h5ls`` and
``xarray.open_datatree`` show names and units. A cache that exists is whole.
"""

from microexpr.cache.reader import Cache, ClipCache, open_cache, verify
from microexpr.cache.schema import Provenance
from microexpr.cache.writer import CacheWriter, ClipWriter, create

__all__ = ["Cache", "CacheWriter", "ClipCache", "ClipWriter"]
__all__ += ["Provenance", "create", "open_cache", "verify"]
