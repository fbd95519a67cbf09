"""Data sets: what each one is, as a list of clips. Frames are read later and lazily."""

from __future__ import annotations

from microexpr.config import Data, Demo
from microexpr.datasets import demo, smic, table
from microexpr.manifest import Clip, natural

__all__ = ["read"]


def read(data: Data, demo_settings: Demo) -> list[Clip]:
    """List the clips of the configured data set.

    Parameters
    ----------
    data : Data
        The section ``data`` of the configuration.
    demo_settings : Demo
        The section ``demo``; used when ``data.kind`` is demo.

    Returns
    -------
    list of Clip
        In natural order of subject and name. Folders are listed, no frame is read.

    Raises
    ------
    DataError
        When a folder or table is missing or does not have the layout that it should have.
    """
    if data.kind == "demo":
        clips = demo.read(data, demo_settings)
    elif data.kind == "smic":
        clips = smic.read(data)
    else:
        clips = table.read(data)
    return sorted(clips, key=lambda clip: (natural(clip.subject), natural(clip.clip_id)))
