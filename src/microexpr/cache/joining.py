"""Clips of caches and rows of manifest.csv: subjects and labels are in the manifest only.

So a corrected label changes what is trained, and nothing that is computed from pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError
from microexpr.runtime.files import AnyPath


def check_same_clips(clips: Sequence[Clip], cached: Mapping[str, AnyPath]) -> None:
    """Check that a data set and its caches hold the same clips.

    `cached` is the cache that holds each clip, by clip_id. Raise CacheError with the first clip
    that is only in the manifest or only in a cache.
    """
    listed = dict.fromkeys(clip.clip_id for clip in clips)
    for clip_id in listed:
        if clip_id not in cached:
            files = len(set(cached.values()))
            raise CacheError(
                f"clip {clip_id}: in the manifest, and in none of the caches given ({files}); give "
                "those of all shards, or run snakemake again to make them"
            )
    for clip_id, path in cached.items():
        if clip_id not in listed:
            raise CacheError(
                f"{path}: clip {clip_id} is not in the manifest; run snakemake again: it makes "
                "the caches of the clips that are listed"
            )


def clip_of(path: AnyPath, clip_id: str) -> Clip:
    """Return the row of a clip in ``manifest.csv``; raise CacheError when there is none."""
    for clip in manifest.read(path):
        if clip.clip_id == clip_id:
            return clip
    raise CacheError(f"{path}: no clip {clip_id}; run snakemake again, or give another --clip")
