"""Weights files: known checksums, reading without executing anything, conversion."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from microexpr.backbones.base import Backbone
from microexpr.backbones.keymaps import ChannelOrder, Layout
from microexpr.backbones.unpickle import load_arrays
from microexpr.errors import WeightsError
from microexpr.files import replacing, sha256_of

HEADER = "microexpr"  # a converted file says here, as JSON, of which network and order it is
# Hubs put the first digits of the checksum into the name: resnet50-0676ba61.pth.
NAMED_CHECKSUM = re.compile(r"-([0-9a-f]{8})\.(?:pth|safetensors)$")


@dataclass(frozen=True)
class Known:
    """A file whose checksum is known.

    Parameters
    ----------
    name : str
        As it is distributed.
    size_bytes : int
        To tell a broken download from another file.
    sha256 : str
        Of its bytes.
    reported : bool
        True: printed by others, the file itself was not seen here.
    """

    name: str
    size_bytes: int
    sha256: str
    reported: bool = False


KNOWN = {
    known.name: known
    for known in (
        Known(
            "resnet50_128.pth",
            95_334_575,
            "c8b59711ad0a22f98f124c796a662151adba882f6a80ce71ddbb21b052464de1",
            reported=True,
        ),
        Known(
            "resnet50_ft_weight.pkl",
            165_000_856,
            "9a954e4046df21aea62b46c032de4b56f7230dfc3705b6b1bda348983e0eb26e",
            reported=True,
        ),
        Known(
            "mobilenet_v1_vggface2_base_fp16.safetensors",
            6_396_760,
            "4cbad0ba421216c3d6adadb3f92c1f1a5e0f2594fc498f82afe8e2abec7eacf3",
        ),
        Known(
            "efficientnet-lite0-57934424.pth",
            18_826_032,
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    )
}


def verify(path: Path, sha256: str | None = None) -> str:
    """Compare a weights file's checksum with the one given, or else with the known one.

    A file is known by its name. Size alone does not tell: the variants of one network have the
    same size.

    Parameters
    ----------
    path : Path
        The file.
    sha256 : str, optional
        Expected checksum (``features.weights.sha256``); it overrides what is known.

    Returns
    -------
    str
        The file's checksum.

    Raises
    ------
    WeightsError
        When they differ.
    """
    found = sha256_of(path)
    if sha256 is not None:
        if found != sha256.lower():
            raise WeightsError(
                f"{path}: sha256 is {found}, features.weights.sha256 says {sha256.lower()}"
            )
        return found
    advice = f"if you trust the file set features.weights.sha256 to {found}"
    known = KNOWN.get(path.name)
    if known and found != known.sha256:
        kind = "reported" if known.reported else "known"
        raise WeightsError(
            f"{path}: sha256 is {found} ({path.stat().st_size} bytes), the {kind} one is "
            f"{known.sha256} ({known.size_bytes} bytes); {advice}"
        )
    named = NAMED_CHECKSUM.search(path.name)
    if named and not found.startswith(named[1]):
        raise WeightsError(
            f"{path}: sha256 is {found}, not {named[1]}... as its name says; {advice}"
        )
    return found


def load(
    backbone: Backbone,
    path: Path,
    layouts: Mapping[str, Layout],
    *,
    sha256: str | None = None,
) -> None:
    """Fill a network from a file and record which file it was.

    Parameters
    ----------
    backbone : Backbone
        Its tensors are replaced; they may be on the meta device.
    path : Path
        The file.
    layouts : mapping
        Layout of each suffix that this network can be read from.
    sha256 : str, optional
        Expected checksum.

    Raises
    ------
    WeightsError
        When the file is damaged, of another network or of another checksum.
    """
    if path.suffix not in layouts:
        raise WeightsError(f"{path}: {backbone.name} is read from {', '.join(layouts)} files")
    checksum = verify(path, sha256)
    layout = layouts[path.suffix]
    tensors, text = _read(path)
    order = layout.order or _order(text, path, backbone.name)
    shapes = {name: tuple(value.shape) for name, value in backbone.state_dict().items()}
    try:
        state = layout.to_own(tensors, shapes, order)
    except WeightsError as error:
        raise WeightsError(f"{path} is not {layout.title}: {error}") from None
    backbone.load_state_dict(state, assign=True)
    backbone.weights_name, backbone.weights_sha256 = path.name, checksum


def save(backbone: Backbone, path: str | os.PathLike[str]) -> None:
    """Write a network's weights as ``.safetensors`` with own names, RGB, float32.

    A pickle or HDF5 file converted once needs no special reader later.
    """
    state = {name: value.contiguous() for name, value in backbone.state_dict().items()}
    with replacing(path) as temporary:
        save_file(state, temporary, metadata=header(backbone.name, "rgb"))


def header(network: str, order: ChannelOrder) -> dict[str, str]:
    """Give the metadata of a converted file: its keys alone do not tell network and order."""
    return {HEADER: json.dumps({"channel_order": order, "network": network})}


def _order(text: str | None, path: Path, network: str) -> ChannelOrder:
    """Read the channel order from a converted file's header."""
    for order in ("rgb", "bgr"):
        if text == header(network, order)[HEADER]:
            return order
    raise WeightsError(
        f"{path}: not converted weights of {network}: its entry {HEADER!r} says {text!r}, "
        f"expected such as {header(network, 'rgb')[HEADER]!r}"
    )


def _read(path: Path) -> tuple[dict[str, Tensor], str | None]:
    if path.suffix == ".pkl":  # its reader says more than "damaged"
        return _as_tensors(path, load_arrays(path)), None
    try:
        content, text = READERS[path.suffix](path)
    except Exception as error:  # each library has its own way to fail on a damaged file
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"{path}: damaged, or not a {path.suffix} file of plain tensors ({first_line})"
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


def _read_torch(path: Path) -> tuple[object, None]:
    return torch.load(path, map_location="cpu", weights_only=True), None


def _read_safetensors(path: Path) -> tuple[object, str | None]:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, (file.metadata() or {}).get(HEADER)


def _read_npz(path: Path) -> tuple[object, str | None]:
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    text = arrays.pop(HEADER, None)
    return arrays, None if text is None else str(text)


def _read_keras(path: Path) -> tuple[object, None]:
    """Name each dataset by its layer and variable: Keras repeats the layer in the path."""
    arrays: dict[str, np.ndarray] = {}

    def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset):
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
