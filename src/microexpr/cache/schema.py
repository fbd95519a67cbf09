"""Schema of caches: names, units, provenance and the checksum over the content."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from microexpr.errors import CacheError

# 1.1: attributes have a checksum too. 2.0: no subject and no label, which manifest.csv holds.
SCHEMA_VERSION = "2.0"
CONTENT = ".content"  # suffix of the note beside a cache
LAST = ("created", "content_sha256", "attributes_sha256", "complete")
DATASET = {"frames": "image", "faces": "image", "magnified": "image", "features": "feature"}
# dtype, axes after the frame, attributes
COORDINATES: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "frame": ("i4", (), {"long_name": "source frame number"}),
    "time": ("f8", (), {"long_name": "time since the clip's first frame", "units": "s"}),
    "detected": (
        "i1",
        (),
        {"flag_values": np.array([0, 1], "i1"), "flag_meanings": "no_face face"},
    ),
    "box": ("f4", (4,), {"long_name": "detected face: x, y, width, height", "units": "pixel"}),
}


@dataclass(frozen=True)
class Provenance:
    """Origin of a cache, stored in the file's root attributes."""

    source_sha256: str = ""  # fingerprint of the code that made it
    params: Mapping[str, Any] | None = None  # the part of the configuration that the stage read
    inputs: tuple[Mapping[str, str], ...] = ()  # {"path": ..., "sha256": ...} of each file read
    environment: Mapping[str, str] | None = None  # versions of the libraries that matter
    weights_name: str = ""  # of the network; empty where there is none
    weights_sha256: str = ""


def attributes_digest(file: h5py.File) -> str:
    """Return a checksum over the attributes of root and clips, but for those written last."""
    parts = {}
    for node in (file, *file.values()):
        for name, value in node.attrs.items():
            if node is file and name in LAST:
                continue
            plain = np.asarray(value)
            content = f"{plain.dtype.str} {plain.shape} {plain.tolist()!r}"
            parts[f"{node.name}\0{name}"] = hashlib.sha256(content.encode()).hexdigest()
    return combine(parts)


def text_fixed(value: Any) -> Any:
    """Return a text as an array of fixed length: HDF5 keeps others without a checksum."""
    if not isinstance(value, str):
        return value
    content = value.encode()
    return np.array(content, h5py.string_dtype("utf-8", max(len(content), 1)))


class Attributes(dict[str, Any]):
    """Attributes of a file or a clip, as plain values; what is missing is an error that says so."""

    def __init__(self, node: h5py.File | h5py.Group, where: str) -> None:
        super().__init__((name, _plain(value)) for name, value in node.attrs.items())
        self._where = where

    def __missing__(self, name: str) -> Any:
        raise CacheError(f"{self._where}: attribute {name} is missing; delete and rebuild it")

    def positive(self, name: str) -> float:
        """Return a number above 0, such as ``fps``; raise CacheError where it is none."""
        value = self[name]
        if not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise CacheError(f"{self._where}: attribute {name} is {value!r}, no positive number")
        return float(value)


def _plain(value: Any) -> Any:
    """Return an attribute as a Python value: text, number or array."""
    value = value.item() if isinstance(value, np.generic) else value
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def combine(parts: Mapping[str, Any]) -> str:
    """Return a checksum over named checksums, running ones too, independent of their order."""
    texts = {name: p if isinstance(p, str) else p.hexdigest() for name, p in parts.items()}
    text = "".join(f"{name}\0{texts[name]}\n" for name in sorted(texts))
    return hashlib.sha256(text.encode()).hexdigest()
