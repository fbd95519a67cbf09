"""Magnifying video files and image sequences: what stands behind ``microexpr magnify``."""

from microexpr.media.plan import Plan, Request, make_plan
from microexpr.media.run import magnify_clip
from microexpr.media.source import Source, open_sources

__all__ = ["Plan", "Request", "Source", "magnify_clip", "make_plan", "open_sources"]
