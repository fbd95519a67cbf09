"""Networks that see the frames: one interface, numbered blocks, verified weights."""

from microexpr.backbones.base import Backbone
from microexpr.backbones.build import build, randomised

__all__ = ["Backbone", "build", "randomised"]
