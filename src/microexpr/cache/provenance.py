"""What a cache says about its origin, and whether it is of today's code."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from microexpr.cache import Provenance, open_cache, verify
from microexpr.errors import CacheError
from microexpr.fingerprints.code import Code, is_current
from microexpr.runtime.files import sha256_of

MAKERS = {"frames": "decode", "faces": "crop", "magnified": "magnify", "features": "features"}
LIBRARIES = ("torch", "numpy", "scipy", "opencv-python-headless", "h5py", "scikit-learn")


def provenance(
    code: Code,
    params: Mapping[str, Any],
    inputs: Iterable[str | os.PathLike[str]],
    *,
    weights_name: str = "",
    weights_sha256: str = "",
) -> Provenance:
    """Describe the making of a cache.

    Parameters
    ----------
    code : Code
        Of the stage; its fingerprint is stored.
    params : mapping
        The part of the configuration that the stage read.
    inputs : iterable of path-like
        Caches (.h5) read; their checksums are stored. Each is read as a whole for it, and has to
        be what it was written as; its checksum is that of its content.
    weights_name, weights_sha256 : str
        Of the network, where there is one.

    Raises
    ------
    CacheError
        When a cache is damaged, or was made by other code than this.
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
    """Refuse a cache of other code, which Snakemake has not seen to.

    Parameters
    ----------
    path : str
        For the message.
    kind : str
        Of the cache.
    source_sha256 : str
        What the cache says; empty: it was not made by a stage.

    Raises
    ------
    CacheError
        When the stage that makes such caches has changed, and the change was not adopted.
    """
    stage = MAKERS[kind]
    if source_sha256 and not is_current(stage, source_sha256):
        raise CacheError(
            f"{path}: made by other code of stage {stage} ({source_sha256}); if the results are "
            f"the same, microexpr adopt; else snakemake --forcerun {stage}"
        )
