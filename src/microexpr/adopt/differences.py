"""How results differ from those that are there: nothing, or a few words that say by how much."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from microexpr.cache.disk import reading

FRAMES = 64  # of a clip at a time
TEXTS = (".csv", ".md", ".html", ".yaml", ".svg", ".txt")
# Say when and by what a file was made, not what is in it.
ABOUT = {"created", "software", "source_sha256", "environment_json", "inputs_json", "params_json"}
ABOUT |= {"attributes_sha256", "content_sha256", "environment", "made", "digest"}


def of_groups(here: Mapping[str, Any], anew: Mapping[str, Any]) -> str:
    """Compare two groups of HDF5 files, or tensors by name: those there, and of today's code."""
    names = sorted({*here, *anew})
    for name in names:
        if name not in here or name not in anew:
            return f"{name} is in one of them only"
        if isinstance(here[name], h5py.Group):
            found = of_groups(here[name], anew[name])
        else:
            found = _of_arrays(here[name], anew[name])
        if found:
            return f"{name}: {found}"
    return _of_attributes(*(dict(getattr(found, "attrs", {})) for found in (here, anew)))


def _of_arrays(here: Any, anew: Any) -> str:
    if here.shape != anew.shape or here.dtype != anew.dtype:
        return f"{here.shape} {here.dtype}, now {anew.shape} {anew.dtype}"
    if not here.shape:
        return "" if np.array_equal(here[()], anew[()]) else f"{here[()]}, now {anew[()]}"
    differ, largest = 0, 0.0
    for start in range(0, len(here), FRAMES):
        old, new = (values[start : start + FRAMES] for values in (here, anew))
        if old.tobytes() == new.tobytes():
            continue
        if old.dtype.kind not in "iuf":
            return "other values"
        gap = np.abs(old.astype(np.float64) - new.astype(np.float64))
        equal = (old == new) | (np.isnan(gap) & np.isnan(old) & np.isnan(new))
        differ += int((~equal).sum())
        largest = max(largest, float(np.nanmax(np.where(equal, 0, gap), initial=0)))
    return f"{differ} of {here.size} values differ, by up to {largest:.3g}" if differ else ""


def _of_attributes(here: dict[str, Any], anew: dict[str, Any]) -> str:
    for name in sorted({*here, *anew} - ABOUT):
        # Names of other objects of the file, by address.
        if name in ("DIMENSION_LIST", "REFERENCE_LIST"):
            continue
        old, new = (np.asarray(values.get(name, "")) for values in (here, anew))
        if old.shape != new.shape or old.tobytes() != new.tobytes():
            return f"attribute {name} is {_short(here.get(name))}, now {_short(anew.get(name))}"
    return ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def of_tables(here: pd.DataFrame, anew: pd.DataFrame, keys: Iterable[str]) -> str:
    """Compare predictions: each row of `anew` with the row of the same keys, which are columns."""
    old, new = here.set_index([*keys]), anew.set_index([*keys])
    if not new.index.isin(old.index).all():
        return "rows are missing"
    old = old.loc[new.index, new.columns]
    other = ~((old == new) | (old.isna() & new.isna()))
    if not other.any(axis=None):
        return ""
    numbers = new.select_dtypes("float").columns
    worst = np.nanmax((old[numbers] - new[numbers]).abs().to_numpy(), initial=0)
    first, count = other.index[other.any(axis=1)][0][0], other.to_numpy().sum()
    return f"clip {first}: {count} values differ, by up to {worst:.3g}"


def of_files(here: Path, anew: Path) -> str:
    """Compare two files, or the files of two folders, as a whole."""
    if here.is_dir():
        return _of_folders(here, anew)
    if not anew.is_file():
        return "is not written any more"
    if here.suffix == ".h5":
        with reading(here) as old, reading(anew) as new:
            return of_groups(old, new)
    if here.read_bytes() == anew.read_bytes():
        return ""
    if here.suffix == ".safetensors":
        from safetensors.numpy import load_file  # noqa: PLC0415 (for models only)

        return of_groups(load_file(here), load_file(anew))
    return _of_texts(here, anew)


def _of_folders(here: Path, anew: Path) -> str:
    files = ((top, path) for top in (here, anew) for path in top.rglob("*"))
    # Snakemake leaves a hidden file in each folder that a job made.
    names = {p.relative_to(top) for top, p in files if p.is_file() and not p.name.startswith(".")}
    for name in sorted(names):
        if found := of_files(here / name, anew / name):
            return f"{name}: {found}"
    return ""


def _of_texts(here: Path, anew: Path) -> str:
    """Return how two files differ that are not equal to the byte."""
    if here.suffix == ".json":
        old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (here, anew))
        return "" if _without(old) == _without(new) else "other content"
    if here.suffix in TEXTS:
        old, new = (path.read_text(encoding="utf-8").splitlines() for path in (here, anew))
        line = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
        return f"differs from line {line + 1}"
    return "other bytes"


def _without(values: Any) -> Any:
    """Leave out what says when and by what a file was made."""
    if isinstance(values, dict):
        return {name: _without(value) for name, value in values.items() if name not in ABOUT}
    return values
