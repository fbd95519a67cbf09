"""What the last run was made with: configuration, code, libraries and weights."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from microexpr.backbones.networks import check_compression, weights_file
from microexpr.config import Features
from microexpr.config.base import Settings
from microexpr.errors import DataError, WeightsError
from microexpr.fingerprints.code import Code, choice_of, functions
from microexpr.fingerprints.code import codes as stage_codes
from microexpr.runtime.files import read_note, sha256_of, write_json
from microexpr.runtime.tables import LIBRARIES

RECORD = Path("results/run.json")
WEIGHTS = Path("results/weights.json")
KEPT = 20  # states of code and of libraries
_sum = cache(sha256_of)


class Run(BaseModel):
    """The record of a project's runs: the last configuration, code and libraries of several."""

    config: dict[str, Any]
    code: dict[str, list[str]]
    libraries: list[dict[str, str]]


def codes() -> dict[str, Code]:
    """Return the code of all stages by name: ``crop``, ``magnify:pmm``, ``compare:ststnet``."""
    return {code.name: code for stage in functions() for code in stage_codes(stage)}


def code_of(stage: str, settings: Settings, *, method: str = "", system: str = "") -> Code:
    """Return the code that a job uses: another method's, network's or system's changes nothing."""
    choice = choice_of(stage)
    network = settings.plain().get("features", {}).get("backbone", "")
    used = {"method": method, "system": system, "network": network}
    return Code(stage, **({choice: used[choice]} if choice else {}))


def versions() -> dict[str, str]:
    """Return the versions of the libraries that results depend on, where they are installed."""
    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):  # planning does without
            found[name] = version(name)
    return found


def read() -> Run:
    """Read the record; an empty one where nothing has run yet."""
    try:
        return Run.model_validate_json(RECORD.read_bytes())
    except OSError:
        return Run(config={}, code={}, libraries=[])
    except ValueError:
        raise DataError(f"{RECORD}: cannot be read; delete it, the next run writes it") from None


def write(config: Mapping[str, Any]) -> None:
    """Record configuration, as Snakemake read it, code and libraries of the run that begins."""
    before, now = read(), codes()
    code = {k: _with_last(before.code.get(k, []), found.fingerprint) for k, found in now.items()}
    libraries = _with_last(before.libraries, versions())
    write_json(RECORD, Run(config=dict(config), code=code, libraries=libraries).model_dump())


def _with_last(known: list[Any], last: Any) -> list[Any]:
    return [*(item for item in known if item != last), last][-KEPT:]


def other_libraries() -> str:
    """Return in one line which libraries (x.y) are not those of the results, if any."""
    known, now = read().libraries, versions()
    if not known or any(_minor(now) == _minor({k: v[k] for k in now if k in v}) for v in known):
        return ""
    last = known[-1]
    changed = [
        f"{name} {last[name]} -> {number}"
        for name, number in now.items()
        if name in last and _minor({name: number}) != _minor({name: last[name]})
    ]
    return ", ".join(changed)


def _minor(numbers: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: number.split(".")[:2] for name, number in numbers.items()}


def weights_sha256(network: str, features: Features) -> str:
    """Return the checksum of a network's weights, now or as remembered; empty where drawn."""
    try:
        chosen = features.weights.path if features.weights else None
        path = weights_file(features.backbone, chosen)
    except WeightsError:
        known = read_note(WEIGHTS).get(network)
        if isinstance(known, str) and known:
            return known
        raise
    check_compression(features.compression)
    return _sum(path) if path else ""


def remember_weights(networks: Mapping[str, Features]) -> None:
    """Record the checksums of the weights that are there, by name of the network."""
    known = read_note(WEIGHTS)
    for network, features in networks.items():
        with suppress(WeightsError):
            known[network] = weights_sha256(network, features)
    write_json(WEIGHTS, known)
