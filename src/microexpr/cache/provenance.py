"""Origin of a cache, and whether the current code made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from microexpr.cache import Provenance, open_cache, verify
from microexpr.errors import CacheError
from microexpr.fingerprints.code import Code, is_current
from microexpr.runtime.files import AnyPath, sha256_of

MAKERS = {"frames": "decode", "faces": "crop", "magnified": "magnify", "features": "features"}
LIBRARIES = ("torch", "numpy", "scipy", "opencv-python-headless", "h5py", "scikit-learn")


def provenance(
    code: Code,
    params: Mapping[str, Any],
    inputs: Iterable[AnyPath],
    *,
    weights_name: str = "",
    weights_sha256: str = "",
) -> Provenance:
    """Describe how a cache is made.

    Parameters
    ----------
    code : Code
        Code of the stage; its fingerprint is stored.
    params : mapping
        The part of the configuration that the stage reads.
    inputs : iterable of path-like
        Files that are read; their checksums are stored. A cache (.h5) is verified as a whole, and
        its checksum is that of its content.
    weights_name, weights_sha256 : str
        Network and its weights, where there are any.

    Raises
    ------
    CacheError
        When a cache is damaged, or was made by other code.
    """
    return Provenance(
        source_sha256=code.fingerprint,
        params=params,
        inputs=tuple({"path": Path(p).name, "sha256": _checksum(Path(p))} for p in inputs),
        environment={name: version(name) for name in LIBRARIES},
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
    """Refuse a cache that other code made, where Snakemake has not replaced it.

    `source_sha256` is the fingerprint stored in the cache; empty when no stage made it. Raise
    CacheError when the stage that makes such caches has changed, and the change was not adopted.
    """
    stage = MAKERS[kind]
    if source_sha256 and not is_current(stage, source_sha256):
        raise CacheError(
            f"{path}: made by other code of stage {stage} ({source_sha256}); if the results are "
            f"the same, microexpr adopt; else snakemake --forcerun {stage}"
        )
