"""Stage split: folds are made from subjects or clips, before any window exists."""

from __future__ import annotations

import logging
from pathlib import Path

from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.protocol import write_folds
from microexpr.protocol.splits import folds_of

log = logging.getLogger(__name__)


def run(config: Config, manifest_path: Path, output: Path) -> None:
    """Split the clips by the configured protocol and check the split for leaks.

    Parameters
    ----------
    config : Config
        Section ``protocol`` and ``data.labels``.
    manifest_path : Path
        ``manifest.csv``.
    output : Path
        ``folds.csv``: the fold in which each clip is tested.

    Raises
    ------
    ProtocolError
        When these clips cannot be split so, or a subject, or a clip under two names, would be
        trained on and tested.
    """
    clips = manifest.read(manifest_path)
    folds = folds_of(config, clips)
    write_folds(output, clips, folds)
    log.info("%s: %d folds, %d clips", config.protocol.name, len(folds), len(clips))
