"""Origin of a cache, whether the current code made it, and whether its clips are those listed."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from microexpr.cache import Provenance, open_cache, verify
from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError
from microexpr.fingerprints.code import Code, is_current
from microexpr.runtime.files import AnyPath, sha256_of
from microexpr.runtime.tables import LIBRARIES

MAKERS = {"frames": "decode", "faces": "crop", "magnified": "magnify", "features": "features"}


def provenance(
    code: Code,
    params: Mapping[str, Any],
    inputs: Iterable[AnyPath],
    *,
    weights_name: str = "",
    weights_sha256: str = "",
) -> Provenance:
    """Describe how a cache is made; CacheError: an input is damaged, or was made by other code.

    `params` is what the stage reads of the configuration. Of `inputs` checksums are stored: of a
    cache (.h5), which is verified as a whole, that of its content.
    """
    return Provenance(
        source_sha256=code.fingerprint,
        params=params,
        inputs=tuple({"path": Path(p).name, "sha256": _checksum(Path(p))} for p in inputs),
        environment={name: version(name) for name in (*LIBRARIES, "h5py", "scikit-learn")},
        weights_name=weights_name,
        weights_sha256=weights_sha256,
    )


def _checksum(path: Path) -> str:
    if path.suffix != ".h5":
        return sha256_of(path)
    with open_cache(path) as cache:
        check_code(str(path), cache.kind, str(cache.attributes["source_sha256"]))
    return verify(path)


def check_code(path: str, kind: str, source_sha256: str) -> None:
    """Raise a CacheError for a cache of other code than its stage's, where that was not adopted."""
    stage = MAKERS[kind]
    if source_sha256 and not is_current(stage, source_sha256):
        raise CacheError(
            f"{path}: made by other code of stage {stage} ({source_sha256}); if the results are "
            f"the same, microexpr adopt; else snakemake --forcerun {stage}"
        )


def check_same_clips(clips: Sequence[Clip], cached: Mapping[str, AnyPath]) -> None:
    """Check that a data set and its caches (by clip_id) hold the same clips; else a CacheError."""
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
