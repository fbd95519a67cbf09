"""Stage split: folds are made from subjects or clips, before any window exists."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from microexpr.config import Data, Protocol
from microexpr.config.base import Only, Settings, Without
from microexpr.stages import Manifest, Reads, Writes


class SplitSettings(Settings):
    """What the folds follow from."""

    data: Annotated[Data, Only("labels")]
    protocol: Annotated[Protocol, Without("clip_decision")]


def split(
    settings: SplitSettings,
    *,
    manifest: Manifest,
    sources: Annotated[
        Sequence[Path], Reads("records of the decoded frames: all shards (.json)")
    ] = (),
    folds: Annotated[Path, Writes("folds.csv")],
) -> None:
    """Choose the fold in which each clip is tested.

    ProtocolError: these clips cannot be split so, or a subject, or a clip under two names, would be
    trained on and tested. Two clips with the same frames are one clip under two names.
    """
    import logging

    from microexpr.datasets.manifest import originals, read
    from microexpr.datasets.sources import decoded_frames
    from microexpr.protocol import write_folds
    from microexpr.protocol.splits import folds_of

    clips = read(manifest)
    frames = decoded_frames(sources)
    made = folds_of(settings.protocol, settings.data.labels, clips, frames)
    for clip, original in zip(clips, originals(clips, frames), strict=True):
        if clip.clip_id != original:
            text = "clip %s has no frame that clip %s has not: one clip under two names"
            logging.getLogger(__name__).warning(text, clip.clip_id, original)
    write_folds(folds, clips, made)
