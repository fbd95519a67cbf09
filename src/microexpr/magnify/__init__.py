"""Motion magnification: functions on arrays, independent of the pipeline.

>>> import torch
>>> from microexpr.magnify import pmm
>>> clip = torch.rand(20, 64, 64)
>>> pmm(clip, fps=100.0, passband_hz=(0.5, 10.0), alpha=10.0).shape
torch.Size([20, 64, 64])
"""

from microexpr.magnify.amplitude import amm, filter_only
from microexpr.magnify.phase import pmm
from microexpr.magnify.stream import stream
from microexpr.magnify.temporal import RealisedGain, realised_gain

__all__ = ["RealisedGain", "amm", "filter_only", "pmm", "realised_gain", "stream"]
