"""Motion magnification: functions on arrays, independent of the pipeline.

>>> import torch
>>> from microexpr.magnify import pmm
>>> clip = torch.rand(20, 64, 64)
>>> pmm(clip, fps=100.0, passband_hz=(0.5, 10.0), alpha=10.0).shape
torch.Size([20, 64, 64])
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microexpr.magnify.amplitude import amm, filter_only
    from microexpr.magnify.phase import pmm
    from microexpr.magnify.temporal import filter_gain

__all__ = ["amm", "filter_gain", "filter_only", "pmm"]
# Imported when they are asked for: planning reads microexpr.magnify.methods without PyTorch.
HOMES = {"amm": "amplitude", "filter_only": "amplitude", "pmm": "phase", "filter_gain": "temporal"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
