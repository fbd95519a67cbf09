"""Stage demo: the generated data set, some subjects at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from microexpr.config import Demo
from microexpr.config.base import Settings
from microexpr.stages import Option, Writes


class DemoSettings(Settings):
    """What the generated clips follow from."""

    demo: Demo


def demo(
    settings: DemoSettings,
    *,
    done: Annotated[Path, Writes("list of the clips (.json), written when all of them are")],
    root: Annotated[Path, Writes("folder that will hold SMIC_all_raw and truth")],
    subjects: Annotated[Sequence[str], Option("only these [all]")] = (),
) -> None:
    """Write clips of generated faces and their ground truth, in SMIC's layout."""
    from microexpr.demo.tree import write
    from microexpr.runtime.files import write_json

    clips = write(root, settings.demo, subjects or None)
    write_json(done, [clip.clip_id for clip in clips])
