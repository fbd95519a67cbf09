"""Weights that the user adds: verified, converted once, and found in ``weights/`` afterwards.

They are safetensors with own names, RGB, float32; a note beside each file has its checksum and that
of the original.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microexpr.backbones.base import Backbone
from microexpr.backbones.keymaps import Layout
from microexpr.backbones.networks import NETWORKS, installed, weights_file
from microexpr.backbones.readers import read
from microexpr.backbones.weights import KNOWN, NOTE, fill, save, verify, without_weights
from microexpr.errors import ConfigError, WeightsError
from microexpr.runtime.files import sha256_of, write_json


def add(path: Path, *, network: str | None = None, sha256: str | None = None) -> dict[str, Any]:
    """Verify a file, convert it, and put it where the loader looks; return the note beside it.

    `path` is distributed (``.pth``, ``.pkl``, ``.h5``) or converted; `network` None: found out.
    ConfigError: none can be added for that network. WeightsError: a damaged, or another file.
    """
    layouts = {n.name: NETWORKS.load(n.name, "layouts") for n in NETWORKS.values() if n.addable}
    if network is not None and network not in layouts:
        raise ConfigError(f"--network {network}: weights are added for {', '.join(layouts)}")
    candidates = {
        name: known
        for name, known in layouts.items()
        if network in (None, name) and path.suffix in known
    }
    if path.is_file() and not candidates:
        suffixes = sorted({suffix for known in layouts.values() for suffix in known})
        raise WeightsError(f"{path}: weights are read from {', '.join(suffixes)} files")
    checksum = verify(path, sha256)
    net = _recognised(path, candidates)
    target = installed(net.name)
    if target.exists() and target.samefile(path):
        raise WeightsError(f"{path} is in its place already; see microexpr weights check")
    # A note that outlived its file would call the next one damaged.
    target.with_suffix(NOTE).unlink(missing_ok=True)
    save(net, target)
    note = {
        "file": target.name,
        "sha256": sha256_of(target),
        "network": net.name,
        "source": path.name,
        "source_sha256": checksum,
        "known": path.name in KNOWN and KNOWN[path.name].sha256 == checksum,
        "licence": NETWORKS[net.name].licence,
    }
    write_json(target.with_suffix(NOTE), note)
    return note


def _recognised(path: Path, candidates: Mapping[str, Mapping[str, Layout]]) -> Backbone:
    """Find the network whose layout the file has."""
    tensors, text = read(path)
    problems = []
    for name, layouts in candidates.items():
        net = without_weights(name)
        try:
            fill(net, path, tensors, text, layouts)
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
