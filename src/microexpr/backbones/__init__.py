"""Networks that see the frames: one interface, numbered blocks, verified weights."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microexpr.backbones.base import Backbone
    from microexpr.backbones.weights import build, randomised

__all__ = ["Backbone", "build", "randomised"]
# Imported when they are asked for: planning reads microexpr.backbones.networks without PyTorch.
MODULES = {"Backbone": "base", "build": "weights", "randomised": "weights"}


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
