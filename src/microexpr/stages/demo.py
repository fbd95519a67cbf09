"""Stage demo: the generated data set, some subjects at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config import Demo
from microexpr.config.base import Settings
from microexpr.stages import File, Option, Stage


class DemoSettings(Settings):
    """What the generated clips follow from."""

    demo: Demo


STAGE = Stage(
    "demo",
    "write clips of generated faces and their ground truth, in SMIC's layout",
    settings=DemoSettings,
    outputs={"done": File("list of the clips (.json), written when all of them are")},
    options={
        "root": Option("folder that will hold SMIC_all_raw and truth", Path),
        "subjects": Option("only these [all]", many=True, default=()),
    },
)


def run(settings: DemoSettings, *, done: Path, root: Path, subjects: Sequence[str] = ()) -> None:
    """Write the clips of some subjects, or of all where none is named."""
    from microexpr.demo.tree import write
    from microexpr.runtime.files import write_json

    clips = write(root, settings.demo, subjects or None)
    write_json(done, [clip.clip_id for clip in clips])
