"""The folder of an exported model: weights, settings, accuracy and origin.

``model.safetensors`` holds what was trained, ``config.json`` all that is needed to see a video as
training saw its clips, ``provenance.json`` where both come from. Besides the folder, only the
backbone's weights file is needed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microexpr import backbones
from microexpr.config import Config
from microexpr.errors import ConfigError, DataError, WeightsError
from microexpr.runtime.files import sha256_of, write_json
from microexpr.runtime.tables import read_sealed, seal
from microexpr.training.model import TrainedModel

FORMAT = "microexpr/exported 1.0"
KEYS = ("config", "sha256", "weights", "trained_on", "accuracy")
MODEL, SETTINGS, ORIGIN = "model.safetensors", "config.json", "provenance.json"
SYNTHETIC = "SYNTHETIC: trained on generated faces; its predictions say nothing about people."


@dataclass(frozen=True)
class Exported:
    """A model that is ready to predict.

    Parameters
    ----------
    folder, about : Path, dict
        Where it was read, and the content of ``config.json``.
    config : Config
        The sections with which the caches and the model were made.
    model, network, device : TrainedModel, Backbone, str
        What predicts, and where it is: ``cpu`` or ``cuda``.
    """

    folder: Path
    config: Config
    about: dict[str, Any]
    model: TrainedModel
    network: backbones.Backbone
    device: str

    @property
    def labels(self) -> list[str]:
        """Classes, in order."""
        return self.config.data.labels


def write(
    folder: Path,
    model: TrainedModel,
    *,
    settings: dict[str, Any],
    about: dict[str, Any],
    origin: dict[str, Any],
) -> None:
    """Write the three files; ``config.json`` last, with the checksums of the others, and its seal.

    `settings` are sections of the configuration, `about` is the rest of ``config.json`` (accuracy,
    training data, weights), `origin` the content of ``provenance.json``.
    """
    model.save(folder / MODEL, labels=settings["data"]["labels"], **settings["model"])
    write_json(folder / ORIGIN, origin)
    sums = {name: sha256_of(folder / name) for name in (MODEL, ORIGIN)}
    content = {"format": FORMAT, "config": settings, "sha256": sums, **about}
    write_json(folder / SETTINGS, content)
    seal(folder / SETTINGS)


def read_about(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read ``config.json``.

    Raises
    ------
    WeightsError
        When the folder is not one of these, a file was changed after it was written, or its files
        do not belong together.
    """
    folder = Path(folder)
    path = folder / SETTINGS
    if not path.is_file():
        raise WeightsError(f"{folder}: no exported model, there is no {SETTINGS} in it")
    try:
        about: dict[str, Any] = json.loads(read_sealed(path))
        found = about.get("format")
    except DataError as error:
        raise WeightsError(str(error)) from None
    except (ValueError, AttributeError) as error:
        raise WeightsError(f"{path}: cannot be read ({error})") from None
    if found != FORMAT:
        raise WeightsError(f"{path}: format {found}, wanted {FORMAT}")
    if missing := [key for key in KEYS if not isinstance(about.get(key), dict)]:
        raise WeightsError(f"{path}: damaged, it has no entry {missing[0]}")
    for name, sha256 in about["sha256"].items():
        if not (folder / name).is_file():
            raise WeightsError(f"{folder}: {name} is missing")
        if sha256_of(folder / name) != sha256:
            raise WeightsError(f"{folder / name}: damaged, or not of the {SETTINGS} beside it")
    return about


def load(
    folder: str | os.PathLike[str], *, weights_path: str | None = None, device: str = "cpu"
) -> Exported:
    """Read a folder, and the weights of its backbone (None: the shipped or installed file).

    Raises
    ------
    WeightsError
        When the folder is damaged, or the backbone's weights are missing or other ones.
    """
    about = read_about(folder)
    try:
        config = Config.parse(about["config"])
    except ConfigError as error:
        raise WeightsError(f"{folder}: made by another version of microexpr ({error})") from None
    network = backbones.build(config.features.backbone, weights_path=weights_path)
    wanted = about["weights"]
    if network.weights_sha256 != wanted["sha256"]:
        raise WeightsError(
            f"{folder}: trained with weights {wanted['name']} (sha256 {wanted['sha256'][:12]}), "
            f"found {network.weights_name} ({network.weights_sha256[:12]}); name the file with "
            "--weights"
        )
    model, _ = TrainedModel.load(Path(folder) / MODEL, network)
    model.classifier.to(device)
    if model.fine_tuned is not None:
        model.fine_tuned.to(device)
    return Exported(Path(folder), config, about, model, network.to(device), device)
