"""Stage index: the clips of the data set, validated, as ``manifest.csv``."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from microexpr import datasets, manifest
from microexpr.config import Config

log = logging.getLogger(__name__)


def run(config: Config, output: Path) -> None:
    """List and validate the clips, and write the manifest.

    Parameters
    ----------
    config : Config
        Sections ``data`` and ``demo``.
    output : Path
        ``manifest.csv``.

    Raises
    ------
    DataError
        See :func:`microexpr.manifest.check`.
    """
    clips = datasets.read(config.data, config.demo)
    manifest.check(clips, config.data.labels, config.data.expected)
    for clip in clips:
        missing = clip.last - clip.first + 1 - clip.frames
        if clip.kind == "images" and missing:
            log.warning("clip %s: %d frame(s) missing between its counters", clip.clip_id, missing)
    manifest.write(output, clips)
    subjects = len({clip.subject for clip in clips})
    labels = Counter(clip.label for clip in clips)
    frames = sum(clip.frames for clip in clips)
    counts = ", ".join(f"{name} {labels[name]}" for name in config.data.labels)
    log.info("%d clips of %d subjects, %d frames listed; %s", len(clips), subjects, frames, counts)
