"""The generated data set: known from its settings before it is written."""

from __future__ import annotations

from microexpr.config import Data, Demo
from microexpr.demo.motion import FPS
from microexpr.demo.plan import plan
from microexpr.manifest import Clip


def read(data: Data, settings: Demo) -> list[Clip]:
    """List the clips that :func:`microexpr.demo.write` makes of these settings."""
    return [
        Clip(
            clip_id=clip.clip_id,
            subject=clip.subject,
            label=clip.label,
            kind="images",
            source=clip.folder,
            frames=clip.frames,
            first=clip.first_counter,
            last=clip.first_counter + clip.frames - 1,
            fps=FPS,
        )
        for clip in plan(settings)
        if clip.label in data.labels
    ]
