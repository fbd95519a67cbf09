"""What a reader finds: clips, and everything about them that is not as it should be.

Nothing is left out in silence: each problem, correction and omission is a row of
``results/manifest_report.csv``. A problem stops the run unless ``data.allow`` names it; corrections
and omissions that the configuration or a published protocol asks for do not.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from microexpr.config import Problem
from microexpr.datasets.manifest import Clip, near
from microexpr.errors import DataError, Faults, brief, leave_out
from microexpr.runtime.tables import read_rows, sealed
from microexpr.video.suffixes import gaps, in_range

# What is reported and stops nothing.
Note = Literal[
    "annotation_error",
    "dropped_label",
    "dropped_clip",
    "macro_expression",
    "left_out_subject",
    "left_out_clip",
    "unknown_name",
]
# What data.allow does with a clip, by what the finding says becomes of it.
ALLOWED = {"kept": "to keep such clips", "dropped": "to drop such clips"}


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
        Those that ``data.leave_out`` names, or whose subjects it names.
    """

    clips: list[Clip] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: list[Clip] = field(default_factory=list)

    def leave_out(self, names: Sequence[str]) -> None:
        """Take clips away, with what was noticed about them, and note each once.

        Parameters
        ----------
        names : sequence of str
            Of subjects and of clips. A name that nobody has is noted and changes nothing: the
            source data of a subject may be deleted, and its name still be in the list.
        """
        chosen = set(names) - {""}  # a finding may name nobody
        everything = [*self.clips, *self.findings]
        known = {name for item in everything for name in (item.subject, item.clip_id)}
        gone = [item for item in everything if _is_named(item, chosen)]
        self.left_out = [clip for clip in self.clips if _is_named(clip, chosen)]
        self.clips = [clip for clip in self.clips if not _is_named(clip, chosen)]
        self.findings = [f for f in self.findings if not _is_named(f, chosen)]
        for clip_id, subject in dict.fromkeys((item.clip_id, item.subject) for item in gone):
            whole = subject in chosen
            detail = f"data.leave_out names {f'subject {subject}' if whole else 'the clip'}"
            problem = "left_out_subject" if whole else "left_out_clip"
            self.add(problem, "dropped", detail, clip_id=clip_id, subject=subject)
        for name in dict.fromkeys(names):
            if name not in known:
                like = ", ".join(near(name, known))
                detail = f"data.leave_out: no subject and no clip is called {name!r}"
                self.add("unknown_name", "kept", f"{detail}; there is {like}" if like else detail)

    def add(self, problem: Problem | Note, action: str, detail: str, **who: str) -> None:
        """Note a finding; `who` names clip_id and subject where they are known."""
        self.findings.append(Finding(problem=problem, action=action, detail=detail, **who))

    @contextmanager
    def noted(self, problem: Problem, where: str = "", **who: str) -> Iterator[None]:
        """Note what goes wrong in a block about one clip, and go on without this clip.

        Parameters
        ----------
        problem : str
            What it is.
        where : str
            Where the clip is listed, such as file and line.
        **who : str
            ``clip_id`` and ``subject``, where they are known.
        """
        try:
            yield
        except (DataError, OSError) as error:
            system = isinstance(error, OSError)
            text = f"{error.filename}: {error.strerror}" if system else str(error)
            self.add(problem, "dropped", f"{where}: {text}" if where else text, **who)

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


def _is_named(item: Clip | Finding, names: Set[str]) -> bool:
    return item.subject in names or item.clip_id in names


def write(path: str | os.PathLike[str], findings: Sequence[Finding]) -> None:
    """Write ``manifest_report.csv`` and its seal; without findings it has a header only."""
    with sealed(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(Finding.model_fields), lineterminator="\n")
        table.writeheader()
        table.writerows(finding.model_dump() for finding in findings)


def read(path: str | os.PathLike[str]) -> list[Finding]:
    """Read ``manifest_report.csv``.

    Raises
    ------
    DataError
        When it cannot be read or was changed after it was written.
    """
    try:
        return [Finding.model_validate(row) for row in read_rows(path)]
    except ValidationError as error:
        raise DataError(f"{path}: cannot be read ({brief(error)})") from None


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
    CollectedError
        With one message per problem, and one with each kind of problem and its count.
    """
    known = Problem.__args__
    wrong = [f for f in findings if f.problem in known and f.problem not in allow]
    if not wrong:
        return
    faults, counts = Faults(), Counter(f.problem for f in wrong)
    for finding in wrong:
        faults.add(f"{finding}; {_remedy(finding)}")
    kinds = ", ".join(f"{problem} {count}" for problem, count in counts.items())
    faults.add(f"data.allow does not name: {kinds}; all findings are in {report}")
    faults.stop()


def _remedy(finding: Finding) -> str:
    remedy = f"{ALLOWED[finding.action]}: data.allow: [{finding.problem}]"
    # Of two rows for one clip, the first is used: without its name both would go.
    if finding.clip_id and finding.problem != "duplicate_rows":
        remedy += f"; {leave_out(finding.clip_id)}"
    return remedy
