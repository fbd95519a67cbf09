"""Arrays out of a pickle without running it.

A pickle is a program: whoever loads one runs what its author chose. This reader knows the few
names that a dictionary of NumPy arrays needs, gives each an inert stand-in, and refuses every
other; not even NumPy's own reconstruction sees the file's bytes before they are checked.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np

from microexpr.errors import WeightsError

FLOATS = ("f2", "f4", "f8")


class _DType:
    """Stands for ``numpy.dtype``: remembers the code and the byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code, self.byte_order = code, "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.byte_order = state[1]

    def numpy(self) -> np.dtype[Any]:
        if self.code not in FLOATS or self.byte_order not in "<>":
            raise pickle.UnpicklingError(f"an array of type {self.byte_order}{self.code}")
        return np.dtype(self.byte_order + self.code)


class _Array:
    """Stands for ``numpy.ndarray``: becomes one from its state."""

    def __init__(self) -> None:
        self.values: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, raw = state
        data = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        flat = np.frombuffer(data, dtype.numpy())
        self.values = flat.reshape(shape, order="F" if fortran else "C")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _from_buffer(raw: bytes, dtype: _DType, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", raw))
    return array


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in {encoding}")
    return text.encode("latin1")


KNOWN_NAMES = {
    "numpy.dtype": _DType,
    "numpy.ndarray": _Array,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
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


def _check_memo(pickled: bytes) -> None:
    """Refuse a pickle that numbers an object higher than it has bytes: memory is set aside for it.

    Eight bytes would take 32 GB.
    """
    for opcode, number, place in pickletools.genops(pickled):
        if opcode.name in ("PUT", "LONG_BINPUT") and number > place:
            raise pickle.UnpicklingError(f"it numbers an object {number} at byte {place}")


def load_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read a pickled dictionary of float arrays, of Python 2 or 3, and nothing else.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Arrays by name, as stored.

    Raises
    ------
    WeightsError
        When the pickle is damaged or asks for anything but float arrays; nothing of it has run.
    """
    try:
        pickled = path.read_bytes()
        _check_memo(pickled)
        content = _ArrayUnpickler(io.BytesIO(pickled), encoding="latin1").load()
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise WeightsError(
            f"{path}: not read: the pickle is damaged or not plain arrays "
            f"({str(error) or type(error).__name__})"
        ) from None
    if not isinstance(content, dict):
        raise WeightsError(f"{path}: the pickle holds a {type(content).__name__}, not a dictionary")
    arrays = {}
    for name, array in content.items():
        if not isinstance(name, str) or not isinstance(array, _Array) or array.values is None:
            raise WeightsError(f"{path}: entry {name!r} of the pickle is not an array")
        arrays[name] = array.values
    return arrays
