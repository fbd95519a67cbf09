"""Weights that the user adds: verified, converted once, and found in ``weights/`` afterwards.

They are safetensors with own names, RGB, float32; a note beside each file has its checksum and that
of the original.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from microexpr.backbones.base import Backbone
from microexpr.backbones.factory import build, without_weights
from microexpr.backbones.networks import NETWORKS, installed, weights_file
from microexpr.backbones.readers import read
from microexpr.backbones.weights import KNOWN, NOTE, fill, save, verify
from microexpr.errors import ConfigError, WeightsError
from microexpr.runtime.files import sha256_of, write_json


@dataclass(frozen=True)
class Added:
    """Weights in their place; also the note beside them.

    Parameters
    ----------
    file, sha256, network : str
        The converted file, and ``features.backbone``.
    source, source_sha256, known : str, str, bool
        The original, and whether its checksum is one of the known ones.
    licence : str
        What is known of the terms.
    """

    file: str
    sha256: str
    network: str
    source: str
    source_sha256: str
    known: bool
    licence: str


def addable() -> list[str]:
    """List the networks whose weights are neither shipped nor drawn at random."""
    return [network.name for network in NETWORKS.values() if network.addable]


def add(path: Path, *, network: str | None = None, sha256: str | None = None) -> Added:
    """Verify a file, convert it, and put it where the loader looks.

    Parameters
    ----------
    path : Path
        As it is distributed: ``.pth``, ``.pkl``, ``.h5``; or converted before.
    network, sha256 : str, optional
        What it must be; None: found out from its content, and the known checksum.

    Raises
    ------
    ConfigError, WeightsError
        When no weights can be added for that network; when the file is damaged, of another checksum
        or of none of the networks.
    """
    if network is not None and network not in addable():
        raise ConfigError(f"--network {network}: weights are added for {', '.join(addable())}")
    candidates = [
        name
        for name in ([network] if network else addable())
        if path.suffix in NETWORKS.load(name, "layouts")
    ]
    if path.is_file() and not candidates:
        suffixes = {s for name in addable() for s in NETWORKS.load(name, "layouts")}
        raise WeightsError(f"{path}: weights are read from {', '.join(sorted(suffixes))} files")
    checksum = verify(path, sha256)
    net = _recognised(path, candidates)
    target = installed(net.name)
    if target.exists() and target.samefile(path):
        raise WeightsError(f"{path} is in its place already; see microexpr weights check")
    # A note that outlived its file would call the next one damaged.
    target.with_suffix(NOTE).unlink(missing_ok=True)
    save(net, target)
    known = path.name in KNOWN and KNOWN[path.name].sha256 == checksum
    added = Added(
        file=str(target),
        sha256=sha256_of(target),
        network=net.name,
        source=path.name,
        source_sha256=checksum,
        known=known,
        licence=NETWORKS[net.name].licence,
    )
    write_json(target.with_suffix(NOTE), asdict(added) | {"file": target.name})
    return added


def _recognised(path: Path, candidates: list[str]) -> Backbone:
    """Find the network whose layout the file has."""
    tensors, text = read(path)
    problems = []
    for name in candidates:
        net = without_weights(name)
        try:
            fill(net, path, tensors, text, NETWORKS.load(name, "layouts"))
        except WeightsError as error:
            problems.append(str(error))
        else:
            return net
    raise WeightsError("; ".join(problems))


def place(network: str) -> Path | None:
    """Return the weights file that the loader takes by itself; None where there is none."""
    try:
        return weights_file(network)
    except WeightsError:
        return None


def check(network: str) -> str:
    """Verify and load the weights in their place; return their sha256."""
    return build(network).weights_sha256
