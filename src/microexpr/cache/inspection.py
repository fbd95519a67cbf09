"""Show the content of a cache, a trained model or converted weights, and verify it."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.tree import Tree

from microexpr.cache import Cache, ClipCache, open_cache, verify
from microexpr.datasets import manifest
from microexpr.datasets.manifest import Clip
from microexpr.errors import CacheError, DataError, MicroexprError, WeightsError, damage
from microexpr.runtime.files import regular

HDF5 = b"\x89HDF\r\n\x1a\n"
SAFETENSORS = ".safetensors"
MANIFEST = "manifest.csv"
CHUNK = 64  # frames
ORIGIN = ("created", "source_sha256", "weights_name", "weights_sha256")
DETAILS = (
    *("method", "alpha", "passband_hz", "filter_gain", "realised_gain"),
    *("backbone", "cut", "fps"),
    *("source_frames", "longest_gap_ms", "detected_share", "jitter_px"),
)


def tree(path: Path) -> Tree:
    """Return a tree of what is in a file; MicroexprError: it is damaged, or nothing of ours."""
    with regular(path).open("rb") as file:
        start = file.read(9)
    if start.startswith(HDF5):
        with damage(CacheError, f"{path} is damaged"):
            return _cache(path)
    # Eight bytes of length, then JSON.
    if path.suffix == SAFETENSORS or start[8:] == b"{":
        return _tensors(path)
    raise DataError(f"{path}: neither a cache (.h5) nor a model or weights ({SAFETENSORS})")


def _cache(path: Path) -> Tree:
    checksum = verify(path)
    rows, note = _manifest(path)
    with open_cache(path) as cache:
        about = cache.attributes
        clips = list(cache)
        root = Tree(f"{path}: {about['title']}, {path.stat().st_size / 1e6:.1f} MB")
        frames = sum(len(clip) for clip in clips)
        root.add(f"kind {cache.kind}, schema version {about['schema_version']}, complete")
        root.add(f"content sha256 {checksum}: as stored")
        listed = [rows.get(clip.clip_id) for clip in clips] if rows else []
        labels = Counter("not in the manifest" if row is None else row.label for row in listed)
        counts = "".join(f", {count} {label}" for label, count in sorted(labels.items()))
        root.add(f"{len(clips)} clips, {frames} frames{counts}")
        if note:
            root.add(note)
        branch = root.add("origin")
        for key in ORIGIN:
            if about.get(key):
                branch.add(f"{key}: {about[key]}")
        for source in json.loads(about["inputs_json"]):
            branch.add(f"input {source['path']}: {source['sha256']}")
        branch.add(f"parameters: {about['params_json']}")
        versions = json.loads(about["environment_json"])
        branch.add("libraries: " + ", ".join(f"{name} {v}" for name, v in versions.items()))
        _clips(root, cache, rows)
    return root


def _manifest(path: Path) -> tuple[dict[str, Clip], str]:
    """Read the manifest beside a cache or in a folder above; also return a note about it."""
    places = (folder / MANIFEST for folder in path.absolute().parents)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return {}, ""
    try:
        rows = manifest.read(found)
    except MicroexprError as error:
        return {}, f"no subjects and labels: {error}"
    return {clip.clip_id: clip for clip in rows}, f"subjects and labels: {os.path.relpath(found)}"


def _clips(root: Tree, cache: Cache, rows: Mapping[str, Clip]) -> None:
    subjects: dict[str, Tree] = {}
    for clip in cache:
        about, row = clip.attributes, rows.get(clip.clip_id)
        if row and row.subject not in subjects:
            subjects[row.subject] = root.add(f"subject {row.subject}")
        branch, label = (subjects[row.subject], f"{row.label}, ") if row else (root, "")
        shape = "x".join(str(size) for size in clip.data.shape[1:])
        low, high, zeros = _values(clip)
        line = branch.add(
            f"{clip.clip_id}: {label}{len(clip)} frames of {shape} "
            f"{clip.data.dtype}, {low:.4g} to {high:.4g}, {zeros:.1%} zeros, "
            f"{clip.data.id.get_storage_size() / 1e6:.2f} MB"
        )
        details = [f"{key} {_short(about[key])}" for key in DETAILS if key in about]
        if details:
            line.add(", ".join(details))


def _values(clip: ClipCache) -> tuple[float, float, float]:
    """Return the smallest and the largest value, and the share of zeros."""
    low, high, zeros = np.inf, -np.inf, 0
    for start in range(0, len(clip), CHUNK):
        values = clip.data[start : start + CHUNK]
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        zeros += values.size - np.count_nonzero(values)
    return low, high, zeros / clip.data.size


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return "-".join(f"{v:g}" for v in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _tensors(path: Path) -> Tree:
    # Imported late: a cache does not need it. NumPy has not all types of numbers, such as FP8.
    from safetensors import safe_open  # noqa: PLC0415

    unreadable = damage(WeightsError, f"{path}: damaged, or no safetensors file")
    with unreadable, safe_open(path, "pt") as file:
        text = (file.metadata() or {}).get("microexpr")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if text is None:
        raise WeightsError(f"{path}: not written by microexpr: its header has no entry microexpr")
    values = sum(tensor.numel() for tensor in tensors.values())
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    root = Tree(f"{path}: {size}, {len(tensors)} tensors, {values} values")
    with damage(WeightsError, f"{path}: its header is damaged"):
        for key, value in sorted(json.loads(text).items()):
            root.add(f"{key}: {json.dumps(value)}")
    branch = root.add("tensors")
    for name, tensor in tensors.items():
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        array = tensor.double().numpy()
        zeros = 1 - np.count_nonzero(array) / max(1, array.size)
        finite = "" if np.isfinite(array).all() else ", NOT FINITE"
        kind = str(tensor.dtype).removeprefix("torch.")
        branch.add(f"{name}: {shape} {kind}, {zeros:.1%} zeros{finite}")
    return root
