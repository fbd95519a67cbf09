"""Whom the clips of caches show, and in which class: manifest.csv says so, no cache does.

A corrected label so changes what is learned, and nothing that is computed from pixels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError

AnyPath = str | os.PathLike[str]


def check_same_clips(clips: Sequence[Clip], cached: Mapping[str, AnyPath]) -> None:
    """See that a data set and its caches hold the same clips.

    Parameters
    ----------
    clips : sequence of Clip
        The rows of ``manifest.csv``.
    cached : mapping of str to path-like
        By name of the clip: the cache that holds it.

    Raises
    ------
    CacheError
        Naming the first clip that is in the manifest or in a cache only.
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
    """Look up a clip in ``manifest.csv``.

    Raises
    ------
    DataError
        When the file cannot be read.
    CacheError
        When it does not list the clip.
    """
    for clip in manifest.read(path):
        if clip.clip_id == clip_id:
            return clip
    raise CacheError(f"{path}: no clip {clip_id}; run snakemake again, or give another --clip")
