"""What made the numbers: versions of libraries, checksums of weights, code and tables."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from microexpr import __version__
from microexpr.pipeline.code import Code
from microexpr.tables import check_seal

STAGES = ("index", "split", "decode", "crop", "magnify", "features", "train", "evaluate")
BESIDE = ("snakemake", "pandas", "matplotlib")  # of this machine; the others, of the caches
COLUMNS = ["kind", "name", "value"]


def origins(attributes: Mapping[str, Any], files: Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """List what the results rest on.

    Parameters
    ----------
    attributes : mapping
        Root attributes of a cache of features: weights and libraries that made it.
    files : iterable of path-like
        Tables whose checksums are listed.

    Returns
    -------
    DataFrame
        Columns kind, name, value: the project's version, ``code`` (fingerprint of a stage's
        modules), ``weights`` and ``file`` (sha256), ``library`` (version).

    Raises
    ------
    DataError
        When a table is missing or was changed after it was written.
    """
    libraries = json.loads(str(attributes["environment_json"]))
    libraries |= {"python": platform.python_version()} | {name: version(name) for name in BESIDE}
    rows = [
        ("project", "microexpr", __version__),
        *(("code", f"stage {stage}", Code(stage).fingerprint) for stage in STAGES),
        ("weights", str(attributes["weights_name"]), str(attributes["weights_sha256"])),
        *(("file", Path(path).name, check_seal(path)) for path in files),
        *(("library", name, libraries[name]) for name in sorted(libraries)),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
