"""Stage split: folds are made from subjects or clips, before any window exists."""

from __future__ import annotations

from pathlib import Path

from microexpr.config.base import Settings
from microexpr.config.data import Labels
from microexpr.config.protocol import Split
from microexpr.stages import FOLDS, MANIFEST, Stage


class SplitSettings(Settings):
    """What the folds follow from."""

    data: Labels
    protocol: Split


STAGE = Stage(
    "split",
    "choose the fold in which each clip is tested",
    settings=SplitSettings,
    inputs={"manifest": MANIFEST},
    outputs={"folds": FOLDS},
)


def run(settings: SplitSettings, *, manifest: Path, folds: Path) -> None:
    """Split the clips by the configured protocol and check the split for leaks.

    Raises
    ------
    ProtocolError
        When these clips cannot be split so, or a subject, or a clip under two names, would be
        trained on and tested.
    """
    from microexpr.datasets.manifest import read
    from microexpr.protocol import write_folds
    from microexpr.protocol.splits import folds_of

    clips = read(manifest)
    write_folds(folds, clips, folds_of(settings.protocol, settings.data.labels, clips))
