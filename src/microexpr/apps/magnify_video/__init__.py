"""Magnify video files and image sequences: what ``microexpr magnify`` runs."""

from microexpr.apps.magnify_video.request import Plan, Request, make_plan
from microexpr.apps.magnify_video.run import magnify_clip
from microexpr.video.sources import Source, open_sources

__all__ = ["Plan", "Request", "Source", "magnify_clip", "make_plan", "open_sources"]
