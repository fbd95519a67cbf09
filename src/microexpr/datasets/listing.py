"""What a reader finds: clips, and everything about them that is not as it should be.

Nothing is left out in silence: each problem, correction and omission is a row of
``results/manifest_report.csv``. A problem stops the run unless ``data.allow`` names it; corrections
and omissions that the configuration or a published protocol asks for do not.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from microexpr.config import Problem
from microexpr.datasets.images import gaps, in_range
from microexpr.errors import DataError
from microexpr.files import replacing
from microexpr.manifest import Clip

# What is reported and stops nothing.
Note = Literal[
    "annotation_error", "dropped_label", "dropped_clip", "macro_expression", "left_out_subject"
]


class Finding(BaseModel):
    """One row of ``manifest_report.csv``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip_id: str = Field("", description="the clip, where it has a name already")
    subject: str = Field("", description="who is seen, where it is known")
    problem: Problem | Note = Field(description="what data.allow calls it")
    detail: str = Field(description="file, line or frames, and the numbers")
    action: Literal["corrected", "dropped", "kept"] = Field(
        description="what becomes of the clip (of a problem: where data.allow names it)"
    )

    def __str__(self) -> str:
        name = f"clip {self.clip_id}: " if self.clip_id else ""
        return f"{name}{self.detail} ({self.problem})"


@dataclass
class Listing:
    """Clips of a data set, and findings about them.

    Parameters
    ----------
    clips : list of Clip
        What can be decoded.
    findings : list of Finding
        What was noticed, in the order of the annotations or folders.
    left_out : list of Clip
        Clips of the subjects of ``data.leave_out``.
    """

    clips: list[Clip] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: list[Clip] = field(default_factory=list)

    def leave_out(self, subjects: Sequence[str]) -> None:
        """Take subjects away, with what was noticed about them, and note that."""
        self.left_out = [clip for clip in self.clips if clip.subject in subjects]
        self.clips = [clip for clip in self.clips if clip.subject not in subjects]
        self.findings = [f for f in self.findings if f.subject not in subjects]
        for subject in subjects:
            count = sum(clip.subject == subject for clip in self.left_out)
            detail = f"{count} clips of a subject of data.leave_out"
            self.add("left_out_subject", "dropped", detail, subject=subject)

    def add(self, problem: Problem | Note, action: str, detail: str, **who: str) -> None:
        """Note a finding; `who` names clip_id and subject where they are known."""
        self.findings.append(Finding(problem=problem, action=action, detail=detail, **who))

    def add_images(
        self,
        images: Sequence[tuple[int, Path]],
        *,
        span: tuple[int, int] | None = None,
        onset: int | None = None,
        apex: int | None = None,
        offset: int | None = None,
        fps: float,
        source: str,
        label: str,
        **who: str,
    ) -> None:
        """Add a clip that is a folder of images, or note that there is none.

        Parameters
        ----------
        images : sequence of (int, Path)
            Camera counters and files of the folder, in order.
        span : (int, int), optional
            Counters of the first and the last frame that belong to the clip; all images when None.
        onset, apex, offset : int, optional
            Annotated counters.
        fps : float
            Frames/s.
        source : str
            Folder, relative to ``data.root``.
        label : str
            Class.
        **who : str
            ``clip_id`` and ``subject``.
        """
        if images and span is not None:
            images = in_range(images, *span)
        if not images:
            which = f"image {span[0]}-{span[1]}" if span else "image"
            self.add("missing_clips", "dropped", f"folder {source} holds no {which}", **who)
            return
        first, last = span or (images[0][0], images[-1][0])
        missing = gaps((counter for counter, _ in images), first, last)
        if missing:
            detail = f"folder {source}: no image {missing} of {first}-{last}"
            self.add("missing_frames", "kept", detail, **who)
        self.clips.append(
            Clip(
                **who,
                label=label,
                kind="images",
                source=source,
                frames=len(images),
                first=images[0][0],
                last=images[-1][0],
                fps=fps,
                onset=onset,
                apex=apex,
                offset=offset,
            )
        )


def write(path: str | os.PathLike[str], findings: Sequence[Finding]) -> None:
    """Write ``manifest_report.csv``; without findings it has a header only."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(Finding.model_fields), lineterminator="\n")
        table.writeheader()
        table.writerows(finding.model_dump() for finding in findings)


def refuse(findings: Sequence[Finding], allow: Sequence[str], report: str) -> None:
    """Stop for problems that the configuration does not allow.

    Parameters
    ----------
    findings : sequence of Finding
        All of them.
    allow : sequence of str
        ``data.allow``.
    report : str
        Where they are listed.

    Raises
    ------
    DataError
        Naming the first clip, and each kind of problem with its count.
    """
    known = Problem.__args__
    wrong = [f for f in findings if f.problem in known and f.problem not in allow]
    if wrong:
        counts = Counter(f.problem for f in wrong)
        kinds = ", ".join(f"{problem} {count}" for problem, count in counts.items())
        raise DataError(
            f"{wrong[0]}; data.allow does not name: {kinds}; all findings are in {report}"
        )
