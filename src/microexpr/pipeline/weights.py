"""Weights of the networks: checksums, also of a file that is gone since features were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from microexpr.backbones.networks import weights_file
from microexpr.config import Features
from microexpr.errors import WeightsError
from microexpr.runtime.files import sha256_of, write_json
from microexpr.runtime.requirements import check_compression

RECORD = Path("results/weights.json")


def checksum(network: str, features: Features) -> str:
    """Return the checksum of a network's weights; empty where they are drawn.

    Parameters
    ----------
    network : str
        Name of the folder of its features.
    features : Features
        Section ``features``.

    Raises
    ------
    WeightsError
        When the file is not there, and no features were made with it.
    ConfigError
        When a package is not there that the features need.
    """
    try:
        chosen = features.weights.path if features.weights else None
        path = weights_file(features.backbone, chosen)
    except WeightsError:
        if known := _recorded().get(network):
            return known
        raise
    check_compression(features.compression)
    return _sum(path) if path else ""


def remember(networks: Mapping[str, Features]) -> None:
    """Write down the checksums of the weights that are there.

    Parameters
    ----------
    networks : mapping of str to Features
        Section ``features``, by name of the network.
    """
    known = _recorded()
    for network, features in networks.items():
        with suppress(WeightsError):
            known[network] = checksum(network, features)
    write_json(RECORD, known)


def _recorded() -> dict[str, str]:
    try:
        found = json.loads(RECORD.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@cache
def _sum(path: Path) -> str:
    return sha256_of(path)
