"""Weights files: known checksums, loading into a network, conversion."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import safetensors.torch
from torch import Tensor

from microexpr.backbones.base import Backbone
from microexpr.backbones.keymaps import OWN, ChannelOrder, Layout
from microexpr.backbones.readers import HEADER, read
from microexpr.errors import WeightsError
from microexpr.runtime.files import sha256_of, write_bytes

# Hubs put the first digits of the checksum into the name: resnet50-0676ba61.pth.
CONVERTED, NOTE = ".safetensors", ".json"  # a converted file, and where it comes from
NAMED_CHECKSUM = re.compile(r"-([0-9a-f]{8})\.(?:pth|safetensors)$")


@dataclass(frozen=True)
class Known:
    """A file as it is distributed whose checksum is known.

    `reported`: the checksum was printed by others, the file itself was not seen here.
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

    A file is known by its name: the variants of one network have the same size.

    Parameters
    ----------
    path : Path
        The file.
    sha256 : str, optional
        Expected checksum (``features.weights.sha256``), in place of the known one.

    Returns
    -------
    str
        The file's checksum; WeightsError when they differ.
    """
    found = sha256_of(path)
    if sha256 is not None:
        if found != sha256.lower():
            raise WeightsError(
                f"{path}: sha256 is {found}, features.weights.sha256 says {sha256.lower()}"
            )
        return found
    beside = path.with_suffix(NOTE)
    if path.suffix == CONVERTED and (noted := _noted(beside)) not in (None, found):
        raise WeightsError(f"{path}: sha256 is {found}, {beside.name} beside it says {noted}")
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
    backbone: Backbone, path: Path, layouts: Mapping[str, Layout], *, sha256: str | None = None
) -> None:
    """Fill a network from a file and record which file it was.

    Parameters
    ----------
    backbone : Backbone
        Its tensors are replaced; they may be on the meta device.
    path, sha256 : Path, str
        The file, and its expected checksum.
    layouts : mapping
        Layout of each suffix that this network can be read from.

    Raises
    ------
    WeightsError
        When the file is damaged, of another network or of another checksum.
    """
    if path.suffix not in layouts:
        raise WeightsError(f"{path}: {backbone.name} is read from {', '.join(layouts)} files")
    checksum = verify(path, sha256)
    fill(backbone, path, *read(path), layouts)
    backbone.weights_name, backbone.weights_sha256 = path.name, checksum


def fill(
    backbone: Backbone,
    path: Path,
    tensors: Mapping[str, Tensor],
    text: str | None,
    layouts: Mapping[str, Layout],
) -> None:
    """Fill a network with the tensors and header of a file; WeightsError for another network."""
    # A converted file has own names, whatever its suffix means otherwise.
    layout = OWN if text and path.suffix == CONVERTED else layouts[path.suffix]
    order = layout.order or _order(text, path, backbone.name)
    shapes = {name: tuple(value.shape) for name, value in backbone.state_dict().items()}
    try:
        state = layout.to_own(tensors, shapes, order)
    except WeightsError as error:
        raise WeightsError(f"{path} is not {layout.title}: {error}") from None
    backbone.load_state_dict(state, assign=True)


def save(backbone: Backbone, path: str | os.PathLike[str]) -> None:
    """Write a network's weights as ``.safetensors`` with own names, RGB, float32."""
    state = {name: value.contiguous() for name, value in backbone.state_dict().items()}
    write_bytes(path, safetensors.torch.save(state, header(backbone.name, "rgb")))


def _noted(path: Path) -> str | None:
    """Return the checksum in a note; None where there is none."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return note["sha256"] if note["network"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def header(network: str, order: ChannelOrder) -> dict[str, str]:
    """Return the metadata of a converted file: its keys do not determine network and order."""
    return {HEADER: json.dumps({"channel_order": order, "network": network})}


def _order(text: str | None, path: Path, network: str) -> ChannelOrder:
    """Read the channel order from a converted file's header."""
    for order in get_args(ChannelOrder):
        if text == header(network, order)[HEADER]:
            return order
    raise WeightsError(
        f"{path}: not converted weights of {network}: its entry {HEADER!r} says {text!r}, "
        f"expected such as {header(network, 'rgb')[HEADER]!r}"
    )
