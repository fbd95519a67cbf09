"""The generated data set: known from its settings before it is written."""

from __future__ import annotations

from collections.abc import Iterator

from microexpr.config import Data, Demo
from microexpr.datasets.demo_names import FPS, ClipName, clip_names
from microexpr.datasets.labels import Labels
from microexpr.datasets.listing import Listing
from microexpr.datasets.manifest import Clip


def read(data: Data, settings: Demo) -> Listing:
    """List the clips that :func:`microexpr.demo.write` makes of these settings.

    Onset and apex are known, and kept from the manifest: SMIC does not tell them either.
    """
    from microexpr.demo.plan import plan  # noqa: PLC0415 (numpy, which planning does without)

    planned = {clip.clip_id: clip for clip in plan(settings)}
    listing = Listing()
    for name, label in _labelled(data, settings, listing):
        clip = planned[name.clip_id]
        first, last = clip.first_counter, clip.first_counter + clip.frames - 1
        listing.clips.append(_row(name, label, frames=clip.frames, first=first, last=last))
    return listing


def read_names(data: Data, settings: Demo) -> Listing:
    """List the clips as :func:`read` does, without their lengths and camera counters, which are 0.

    They follow from the settings too: nothing is lost for whoever compares the settings.
    """
    listing = Listing()
    for name, label in _labelled(data, settings, listing):
        listing.clips.append(_row(name, label, frames=0, first=0, last=0))
    return listing


def _labelled(data: Data, settings: Demo, listing: Listing) -> Iterator[tuple[ClipName, str]]:
    labels = Labels(data)
    for name in clip_names(settings):
        who = {"clip_id": name.clip_id, "subject": name.subject}
        label = labels.of(name.label, listing, **who)
        if label is not None:
            yield name, label


def _row(name: ClipName, label: str, **frames: int) -> Clip:
    return Clip(
        clip_id=name.clip_id,
        subject=name.subject,
        label=label,
        kind="images",
        source=name.folder,
        fps=FPS,
        **frames,
    )
