"""The generated data set: known from its settings before it is written."""

from __future__ import annotations

from microexpr.config import Data, Demo
from microexpr.datasets.labels import Labels
from microexpr.datasets.listing import Listing
from microexpr.demo.motion import FPS
from microexpr.demo.plan import plan
from microexpr.manifest import Clip


def read(data: Data, settings: Demo) -> Listing:
    """List the clips that :func:`microexpr.demo.write` makes of these settings.

    Onset and apex are known, and kept from the manifest: SMIC does not tell them either.
    """
    listing, labels = Listing(), Labels(data)
    for clip in plan(settings):
        who = {"clip_id": clip.clip_id, "subject": clip.subject}
        label = labels.of(clip.label, listing, **who)
        if label is None:
            continue
        listing.clips.append(
            Clip(
                **who,
                label=label,
                kind="images",
                source=clip.folder,
                frames=clip.frames,
                first=clip.first_counter,
                last=clip.first_counter + clip.frames - 1,
                fps=FPS,
            )
        )
    return listing
