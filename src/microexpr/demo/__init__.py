"""A generated data set: drawn faces with micro-expressions of known displacement.

Its folders are those of SMIC-HS, so that the whole pipeline runs without any licence, and beside
each clip stands what really moved. Figures obtained on it say whether the pipeline works; they say
nothing about people and never stand beside figures on recorded data.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config import Demo
from microexpr.demo.plan import PlannedClip, plan

__all__ = ["PlannedClip", "plan", "write"]


def write(root: Path, settings: Demo, subjects: Sequence[str] | None = None) -> list[PlannedClip]:
    """Render and write clips with their ground truth.

    Frames go to ``SMIC_all_raw/HS/s{n}/micro/{class}/{clip_id}/image{counter}.png`` (640x480, 3
    channels), ground truth to ``truth/{clip_id}.json`` (phases, action units, amplitude, nuisances)
    and ``truth/{clip_id}.npz``:

    - ``displacement``: float16 (2, h, w), px, x first, of the expression at the apex; the frame
      shows at p what the still shows at p - displacement(p);
    - ``roi``: x, y, width, height of that part of the picture, the only one that changes;
    - ``landmarks``: float32 (5, 2), px, of the face at rest, in YuNet's order.

    A clip's folder appears when it and its truth are complete. Clips that are there are written
    again; clips of these subjects that are no longer planned are removed.

    Parameters
    ----------
    root : Path
        Folder of the data set; created.
    settings : Demo
        Section ``demo`` of the configuration.
    subjects : sequence of str, optional
        Names such as ``s3``; all by default.

    Returns
    -------
    list of PlannedClip
        What was written, in natural order.

    Raises
    ------
    ConfigError
        For a subject that is not planned, or lengths that contradict each other.
    DataError
        Where a clip's folder exists and holds other data, or the disk does not take the files.
    """
    from microexpr.demo.tree import write_tree  # noqa: PLC0415  planning must not load torch

    return write_tree(Path(root), settings, subjects)
