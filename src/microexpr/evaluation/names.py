"""Names that people read, in place of the identifiers of the configuration and of CSV files."""

from microexpr.backbones.networks import NETWORKS
from microexpr.magnify.methods import METHODS
from microexpr.protocol import PROTOCOLS
from microexpr.protocol.predictions import BEST_EPOCH
from microexpr.training.controls import CONTROLS, split_control

FEATURE_MODES = {"onset_difference": "difference to onset", "raw": "raw features"}
BASELINES = {
    "majority": "most frequent class",
    "majority_training": "most frequent class in training",
    "stratified_random": "random, by class frequency",
}


def method_name(name: str) -> str:
    """Return the name of a method, at another alpha as well (``pmm-a5``), or of a control."""
    if name.endswith(end := f"_{BEST_EPOCH}"):
        return f"{method_name(name.removesuffix(end))}, best epoch on the test clips: not a result"
    method, control = split_control(name)
    if control:
        return f"{method_name(method)}: {CONTROLS[control].label}"
    base, _, alpha = name.partition("-a")
    if base in METHODS:
        label = METHODS[base].label or base
        return f"{label}, alpha {alpha}" if alpha else label
    return BASELINES.get(name, name)


def network_name(backbone: str) -> str:
    """Return the name of a network, such as VGGFace2 MobileNet."""
    return (NETWORKS[backbone].label if backbone in NETWORKS else "") or backbone


def protocol_name(protocol: str) -> str:
    """Return the name of a protocol, such as leave one subject out."""
    return PROTOCOLS.get(protocol, protocol)


def feature_mode_name(feature_mode: str) -> str:
    """Return the name of a feature mode."""
    return FEATURE_MODES.get(feature_mode, feature_mode)
