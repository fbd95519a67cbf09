"""Tensors from five file formats; no reader executes what is in a file."""

import io
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from microexpr.errors import WeightsError, damage
from microexpr.runtime.files import regular

FLOATS = ("f2", "f4", "f8")
MAX_BYTES = 2**30  # ResNet-50 in float64 has 0.3 GB
HEADER = "microexpr"  # of a converted file: JSON with its network and channel order


def read(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """Read a file's tensors by name, and a converted one's header; WeightsError: other content."""
    regular(path, WeightsError)
    with damage(WeightsError, f"{path}: damaged, or not a {path.suffix} file of plain tensors"):
        content, text = READERS[path.suffix](path)
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path}: holds a {type(content).__name__}, not named tensors")
    tensors = {}
    for name, value in content.items():
        if not isinstance(name, str):
            raise WeightsError(f"{path}: the name {name!r} of an entry is no text")
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            tensors[name] = torch.from_numpy(value.astype(value.dtype.newbyteorder("=")))
        elif isinstance(value, Tensor):
            tensors[name] = value
        else:
            raise WeightsError(f"{path}: entry {name!r} is a {type(value).__name__}, not a tensor")
    return tensors, text


class _DType:
    """In place of ``numpy.dtype``: the code and the byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code, self.byte_order = code, "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.byte_order = state[1]

    def numpy(self) -> np.dtype[Any]:
        if self.code not in FLOATS or self.byte_order not in "<>":
            raise pickle.UnpicklingError(f"an array of type {self.byte_order}{self.code}")
        return np.dtype(self.byte_order + self.code)


class _Array:
    """In place of ``numpy.ndarray``: becomes one from its state."""

    values: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw = state
        data = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        flat = np.frombuffer(data, dtype.numpy())
        self.values = flat.reshape(shape, order="F" if fortran else "C")


def _from_buffer(raw: bytes, dtype: _DType, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", raw))
    return array


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in {encoding}")
    return text.encode("latin1")


KNOWN_NAMES: dict[str, Any] = {
    "numpy.dtype": _DType,
    "numpy.ndarray": _Array,
    "numpy.core.multiarray._reconstruct": lambda *_: _Array(),
    "numpy._core.multiarray._reconstruct": lambda *_: _Array(),
    "numpy.core.numeric._frombuffer": _from_buffer,
    "numpy._core.numeric._frombuffer": _from_buffer,
    "_codecs.encode": _latin1,
    "collections.OrderedDict": dict,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        name = f"{module_name}.{global_name}"
        if name not in KNOWN_NAMES:
            raise pickle.UnpicklingError(f"it asks for {name}")
        return KNOWN_NAMES[name]


def _read_pickle(path: Path) -> tuple[object, None]:
    """Read a pickle of Python 2 or 3; where it asks for anything but arrays, nothing has run."""
    pickled = path.read_bytes()
    for opcode, number, place in pickletools.genops(pickled):
        # An object's number above the file's bytes: 8 bytes would reserve 32 GB.
        if opcode.name in ("PUT", "LONG_BINPUT") and (number or 0) > (place or 0):
            raise pickle.UnpicklingError(f"it numbers an object {number} at byte {place}")
    content = _ArrayUnpickler(io.BytesIO(pickled), encoding="latin1").load()
    if isinstance(content, dict):
        content = {k: v.values if isinstance(v, _Array) else v for k, v in content.items()}
    return content, None


def _check_size(path: Path, stored_bytes: int) -> None:
    """Raise where a file would unpack to more than any network needs."""
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
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    names: list[str] = []
    total_bytes = 0
    with h5py.File(path, "r", locking=False) as file:
        file.visit(names.append)
        for name in names:
            node = file[name]
            if not isinstance(node, h5py.Dataset):
                continue
            if node.is_virtual or node.external:
                raise ValueError(f"{name} has its values in another file")
            total_bytes += node.nbytes
            _check_size(path, total_bytes)
            *layer, variable = name.split("/")
            half = len(layer) // 2
            if layer[:half] == layer[half:]:
                layer = layer[:half]
            arrays["/".join([*layer, variable.removesuffix(":0")])] = node[()]
    return arrays, None


READERS: dict[str, Callable[[Path], tuple[object, str | None]]] = {
    ".pkl": _read_pickle,
    ".pth": _read_torch,
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".h5": _read_keras,
}
