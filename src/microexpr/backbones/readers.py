"""Tensors out of five file formats; none of the readers executes what a file says."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from microexpr.backbones.unpickle import load_arrays
from microexpr.errors import WeightsError, brief

MAX_BYTES = 2**30  # ResNet-50 in float64 has 0.3 GB
HEADER = "microexpr"  # a converted file says here, as JSON, of which network and order it is


def read(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """Read the named tensors of a file.

    Parameters
    ----------
    path : Path
        ``.pth``, ``.pkl``, ``.h5``, ``.safetensors`` or ``.npz``.

    Returns
    -------
    dict
        Tensors by name, as stored.
    str or None
        What a converted file says about itself.

    Raises
    ------
    WeightsError
        When the file is damaged or holds anything but numbers.
    """
    if path.suffix == ".pkl":  # its reader says more than "damaged"
        return _as_tensors(path, load_arrays(path)), None
    try:
        content, text = READERS[path.suffix](path)
    except Exception as error:  # each library has its own way to fail on a damaged file
        raise WeightsError(
            f"{path}: damaged, or not a {path.suffix} file of plain tensors ({brief(error)})"
        ) from None
    return _as_tensors(path, content), text


def _as_tensors(path: Path, content: object) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path}: holds a {type(content).__name__}, not named tensors")
    tensors = {}
    for name, value in content.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            tensors[name] = torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))
        elif isinstance(value, Tensor):
            tensors[name] = value
        else:
            raise WeightsError(f"{path}: entry {name!r} is a {type(value).__name__}, not a tensor")
    return tensors


def _check_size(path: Path, stored_bytes: int) -> None:
    """Refuse a file that would unpack to more than any network needs."""
    if stored_bytes > MAX_BYTES:
        raise ValueError(f"{path.name} would unpack to {stored_bytes} bytes")


def _check_zip(path: Path) -> None:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check_size(path, sum(entry.file_size for entry in archive.infolist()))


def _read_torch(path: Path) -> tuple[object, None]:
    _check_zip(path)
    return torch.load(path, map_location="cpu", weights_only=True), None


def _read_safetensors(path: Path) -> tuple[object, str | None]:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, (file.metadata() or {}).get(HEADER)


def _read_npz(path: Path) -> tuple[object, str | None]:
    _check_zip(path)
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    text = arrays.pop(HEADER, None)
    return arrays, None if text is None else str(text)


def _read_keras(path: Path) -> tuple[object, None]:
    """Name each dataset by its layer and variable: Keras repeats the layer in the path."""
    arrays: dict[str, np.ndarray] = {}
    total_bytes = 0

    def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
        """Take a data set over, under its short name."""
        nonlocal total_bytes
        if isinstance(node, h5py.Dataset):
            if node.is_virtual or node.external:
                raise ValueError(f"{name} has its values in another file")
            total_bytes += node.nbytes
            _check_size(path, total_bytes)
            *layer, variable = name.split("/")
            half = len(layer) // 2
            if layer[:half] == layer[half:]:
                layer = layer[:half]
            arrays["/".join([*layer, variable.removesuffix(":0")])] = node[()]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return arrays, None


READERS: dict[str, Callable[[Path], tuple[object, str | None]]] = {
    ".pth": _read_torch,
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".h5": _read_keras,
}
