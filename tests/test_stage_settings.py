"""A stage reads the keys that it declares, and no others: found in the source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated, Any

import pytest

from microexpr.baselines import OwnNetworkSettings, STSTNetSettings, SystemSettings
from microexpr.baselines.apex_networks import STSTNet
from microexpr.baselines.base import DescribingSystem
from microexpr.baselines.vggface2_bilstm import VGGFace2BiLSTM
from microexpr.config import Crop
from microexpr.config.base import Settings, Without
from microexpr.fingerprints.code import functions, reached
from microexpr.fingerprints.definitions import read
from microexpr.stages import NAMES, declared
from microexpr.stages.model import MagnifiedModelSettings, ModelSettings
from microexpr.stages.results import ControlledSettings, EvaluateSettings
from microexpr.stages.train import ControlSettings, InnerSettings, TrainSettings
from settings_reader import Instance, Part, Reader

# Of the stages whose settings depend on options or on values.
VARIANTS: dict[str, list[type[Settings]]] = {
    "train": [TrainSettings, InnerSettings],
    "train_controls": [ControlSettings],
    "evaluate": [EvaluateSettings, ControlledSettings],
    "model": [ModelSettings, MagnifiedModelSettings],
    "train_system": [SystemSettings, OwnNetworkSettings, STSTNetSettings],
}
CASES = [(s, kind) for s in NAMES for kind in VARIANTS.get(s, [declared(s).settings])]
# Classes that a stage finds in a registry.
SYSTEMS: dict[type[Settings], Any] = {
    SystemSettings: DescribingSystem,
    OwnNetworkSettings: VGGFace2BiLSTM,
    STSTNetSettings: STSTNet,
}
# They write their whole settings: into the exported model, and on a page for further runs.
WHOLE = ("model", "summary")


def reading(function: Any, kind: type[Settings]) -> Reader:
    """Follow settings of a kind from a function on, which has them as its argument."""
    reader, settings = Reader(), Part("", kind)
    reader.follow(function, {"settings": settings})
    if found := SYSTEMS.get(kind):
        system = Instance(found)
        for init in (vars(k).get("__init__") for k in found.__mro__[:-1]):
            if init:
                reader.follow(init, {"self": system, "settings": settings})
        for method in (found.examples, found.predict):
            reader.follow(method, {"self": system})
        reader.lost.discard(settings)
    return reader


def names_in_code(stage: str) -> set[str]:
    """Return the names of all attributes and arguments in the code of a stage."""
    nodes = [
        node
        for found in reached(functions()[stage])
        if found.name and not found.field
        for statement in read(found.module).defined[found.name]
        for node in ast.walk(statement)
    ]
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return named | {node.arg for node in nodes if isinstance(node, ast.arg)}


@pytest.fixture(scope="module", params=CASES, ids=[f"{s}-{kind.__name__}" for s, kind in CASES])
def case(request) -> tuple[str, type[Settings], Reader]:
    stage, kind = request.param
    return stage, kind, reading(declared(stage).function, kind)


def test_no_key_is_read_that_is_not_declared(case):
    assert case[2].undeclared == set()


def test_every_declared_key_is_read(case):
    stage, kind, reader = case
    if stage in WHOLE:
        pytest.skip("writes all of them")
    unread = Part("", kind).every_key() - reader.read
    if unread:  # followed as far as possible, then by name
        lost = {key for part in reader.lost for key in part.every_key()}
        names = names_in_code(stage)
        unread = {key for key in unread if key not in lost or key.split(".")[-1] not in names}
    assert unread == set()


class Planted(Settings):
    """Settings of a stage that is planted here."""

    crop: Annotated[Crop, Without("min_score", "first_frames")]


def crop_all(settings: Planted, *, faces: Path) -> None:
    """Read keys here, in functions and in an object; two of them are not declared."""
    crop = settings.crop
    sizes = Sizes(crop, "a")
    if crop.detector == "yunet" and faces.is_dir():
        largest(crop, sizes)


class Sizes:
    """Keep settings."""

    def __init__(self, crop: Crop, name: str) -> None:
        self.crop, self.name = crop, name

    def side(self) -> int:
        """Return a key."""
        return self.crop.size_px


def largest(crop: Any, sizes: Sizes) -> float:
    """Read two keys, of which one does not exist, and two elsewhere."""
    return max(crop.margin, crop.padding, sizes.side(), lowest(crop))


def lowest(crop: Crop) -> float:
    """Read a key that a whole section has and the part that comes here has not."""
    return crop.min_score


def test_undeclared_and_unread_keys_are_found():
    reader = reading(crop_all, Planted)
    assert reader.undeclared == {"crop.padding", "crop.min_score"}
    assert reader.read == {"crop.detector", "crop.margin", "crop.size_px"}
    assert "crop.detection_width_px" in Part("", Planted).every_key()
    assert reader.lost == set()
