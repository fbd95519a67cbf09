"""Stage demo: the generated data set, some subjects at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config import Config
from microexpr.demo.tree import write
from microexpr.runtime.files import write_json


def run(config: Config, root: Path, subjects: Sequence[str] | None, done: Path | None) -> None:
    """Write clips and their ground truth in SMIC's layout.

    Parameters
    ----------
    config : Config
        Section ``demo``.
    root : Path
        Folder that will hold ``SMIC_all_raw`` and ``truth``.
    subjects : sequence of str, optional
        Only these; all when None.
    done : Path, optional
        List of the clips, written when all of them are.
    """
    clips = write(root, config.demo, subjects)
    if done is not None:
        write_json(done, [clip.clip_id for clip in clips])
