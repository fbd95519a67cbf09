"""Stage split: folds are made from subjects or clips, before any window exists."""

from __future__ import annotations

import logging
from pathlib import Path

from microexpr import manifest
from microexpr.config import Config
from microexpr.protocol import table
from microexpr.protocol.splits import make_folds

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
    protocol = config.protocol
    folds = make_folds(
        [clip.clip_id for clip in clips],
        [clip.subject for clip in clips],
        [clip.label for clip in clips],
        name=protocol.name,
        classes=config.data.labels,
        folds=protocol.folds,
        test_share=protocol.test_share,
        seed=protocol.seed,
        sources=manifest.originals(clips),
    )
    table.write(output, clips, folds)
    log.info("%s: %d folds, %d clips", protocol.name, len(folds), len(clips))
