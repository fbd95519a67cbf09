"""Stage split: folds are made from subjects or clips, before any window exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from microexpr.config import Data, Protocol
from microexpr.config.base import Only, Settings, Without
from microexpr.stages import Manifest, Writes


class SplitSettings(Settings):
    """What the folds follow from."""

    data: Annotated[Data, Only("labels")]
    protocol: Annotated[Protocol, Without("clip_decision")]


def split(
    settings: SplitSettings, *, manifest: Manifest, folds: Annotated[Path, Writes("folds.csv")]
) -> None:
    """Choose the fold in which each clip is tested.

    ProtocolError: these clips cannot be split so, or a subject, or a clip under two names, would be
    trained on and tested.
    """
    from microexpr.datasets.manifest import read
    from microexpr.protocol import write_folds
    from microexpr.protocol.splits import folds_of

    clips = read(manifest)
    write_folds(folds, clips, folds_of(settings.protocol, settings.data.labels, clips))
