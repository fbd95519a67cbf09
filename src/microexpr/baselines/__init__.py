"""The systems of the poster's last table, and two yardsticks of the field, on our crops and folds.

One module a system; its docstring says what is published, what is specified and what had to be
inferred. :mod:`.base` says what a system is, ``docs/adding-a-baseline.md`` how to add one. Modules
are imported by name, so that a change of one system trains no other again.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from microexpr.config import Config

if TYPE_CHECKING:  # the workflow asks for fingerprints, and should not load OpenCV for them
    from microexpr.baselines.base import Published, System

__all__ = ["CLASSES", "OWN_NETWORK", "build", "published"]

CLASSES = {
    "micro_exp_stcnn": "MicroExpSTCNN",
    "fcnn_3d": "FCNN3D",
    "hierarchical_lbp_top": "HierarchicalLBPTOP",
    "evm_tim": "EVMTIM",
    "setfnet": "SETFNet",
    "vggface2_bilstm": "VGGFace2BiLSTM",
    "ststnet": "STSTNet",
    "off_apexnet": "OFFApexNet",
}
OWN_NETWORK = "vggface2_bilstm"  # reads caches of features and the section train


def build(name: str, config: Config, device: str = "cpu") -> System:
    """Make a system.

    Parameters
    ----------
    name : str
        One of ``compare.systems``.
    config : Config
        What stage compare reads.
    device : str
        ``cpu`` or ``cuda``.
    """
    return _class_of(name).of(config, device)


def published(name: str) -> Published:
    """Give the published figure of a system."""
    return _class_of(name).published


def _module(name: str) -> str:
    return f"{__name__}.{name}"


def _class_of(name: str) -> type[System]:
    return getattr(import_module(_module(name)), CLASSES[name])
