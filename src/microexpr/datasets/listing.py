"""A data set as it was read: its clips, and findings about all that is not as expected."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict, Unpack, get_args

from pydantic import BaseModel, ConfigDict, Field

from microexpr.config import Data, Problem
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, Faults, damage, leave_out
from microexpr.runtime.files import AnyPath
from microexpr.runtime.names import fold, near, readable
from microexpr.runtime.printing import printable
from microexpr.runtime.tables import read_rows, write_rows
from microexpr.video.suffixes import gaps, in_range

# Findings that are reported and never stop the run.
Note = Literal[
    "annotation_error",
    "resampled",
    "table_version",
    "long_clips",
    "interlaced",
    "mapped_label",
    "dropped_label",
    "dropped_clip",
    "macro_expression",
    "left_out_subject",
    "left_out_clip",
    "unknown_name",
]
Action = Literal["corrected", "dropped", "kept"]
# What data.allow does with a clip, by the action of the finding.
ALLOWED = {"kept": "to keep such clips", "dropped": "to drop such clips"}


class Who(TypedDict, total=False):
    """Whom a finding is about, as far as it is known."""

    clip_id: str
    subject: str


class About(Who, total=False):
    """A clip, and what a table says about it beside its label: see :class:`Clip`."""

    onset: int | None
    apex: int | None
    offset: int | None
    action_units: str
    split: str


class Finding(BaseModel):
    """One row of ``manifest_report.csv``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clip_id: str = Field("", description="the clip, where its name is known")
    subject: str = Field("", description="the person, where it is known")
    problem: Problem | Note = Field(description="name of the finding, as in data.allow")
    detail: str = Field(description="file, line or frames, and the numbers")
    action: Action = Field(
        description="what is done with the clip (for a problem: where data.allow names it)"
    )

    def __str__(self) -> str:
        name = f"clip {self.clip_id}: " if self.clip_id else ""
        return f"{name}{self.detail} ({self.problem})"


@dataclass
class Listing:
    """Clips of a data set that can be decoded, findings about them, and clips left out by name."""

    clips: list[Clip] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left_out: list[Clip] = field(default_factory=list)
    # Clips of each (emotion, label) where the label has another name.
    renamed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def leave_out(self, names: Sequence[str]) -> None:
        """Remove subjects and clips by name, with findings about them, and note each clip once."""
        chosen = set(names) - {""}  # a finding may name nobody
        everything: list[Clip | Finding] = [*self.clips, *self.findings]
        known = {name for item in everything for name in (item.subject, item.clip_id)}
        gone = [item for item in everything if chosen & {item.subject, item.clip_id}]
        self.left_out = [c for c in self.clips if chosen & {c.subject, c.clip_id}]
        self.clips = [c for c in self.clips if not chosen & {c.subject, c.clip_id}]
        self.findings = [f for f in self.findings if not chosen & {f.subject, f.clip_id}]
        for clip_id, subject in dict.fromkeys((item.clip_id, item.subject) for item in gone):
            problem: Note = "left_out_subject" if subject in chosen else "left_out_clip"
            what = f"subject {subject}" if subject in chosen else "the clip"
            detail = f"data.leave_out names {what}"
            self.add(problem, "dropped", detail, clip_id=clip_id, subject=subject)
        for name in dict.fromkeys(names):
            if name not in known:
                like = ", ".join(near(name, known))
                detail = f"data.leave_out: no subject and no clip is called {name!r}"
                self.add("unknown_name", "kept", f"{detail}; there is {like}" if like else detail)

    def add(self, problem: Problem | Note, action: Action, detail: str, **who: Unpack[Who]) -> None:
        """Add a finding; `who` is its clip_id and subject, where they are known."""
        shown = {key: printable(str(name)) for key, name in who.items()}
        finding = Finding(problem=problem, action=action, detail=printable(detail), **shown)
        self.findings.append(finding)

    @contextmanager
    def noted(self, problem: Problem, where: str = "", who: Who | None = None) -> Iterator[None]:
        """Turn an error in a block about a clip, listed at `where`, into a finding, and go on."""
        try:
            yield
        except (DataError, OSError) as error:
            text = str(error)
            if isinstance(error, OSError):
                text = f"{error.filename}: {error.strerror}"
            self.add(problem, "dropped", f"{where}: {text}" if where else text, **(who or Who()))

    def add_images(
        self,
        images: Sequence[tuple[int, Path]],
        *,
        span: tuple[int, int] | None = None,
        fps: float,
        source: str,
        label: str,
        **about: Unpack[About],
    ) -> None:
        """Add a clip that is a folder of images, or note that it has none.

        `images` are camera counters and files in order, `span` the counters of the clip's first
        and last frame (None: all), `source` the folder below ``data.root``.
        """
        who: Who = {"clip_id": about["clip_id"], "subject": about["subject"]}
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
        clip = Clip(
            **about,
            **{"label": label, "kind": "images", "source": readable(source), "fps": fps},
            **{"frames": len(images), "first": images[0][0], "last": images[-1][0]},
        )
        self.clips.append(clip)


class Labels:
    """Labels of emotions, by section ``data``. An emotion that is a label itself stays."""

    def __init__(self, data: Data) -> None:
        self._names = {fold(name): name for name in data.labels}
        self._names |= {fold(emotion): label for emotion, label in data.label_map.items()}
        self._dropped = {fold(emotion) for emotion in data.drop_labels}

    def of(
        self, emotion: str, listing: Listing, *, detail: str = "", **who: Unpack[Who]
    ) -> str | None:
        """Return the label of an emotion, found at `detail`; without one, add a finding."""
        label = self._names.get(fold(emotion))
        if label is not None:
            listing.renamed.update([(emotion, label)] if fold(emotion) != fold(label) else [])
            return label
        where = f"{detail}: emotion" if detail else "emotion"
        problem: Problem | Note = "unknown_labels"
        reason = "none of data.labels, label_map, drop_labels"
        if fold(emotion) in self._dropped:
            problem, reason = "dropped_label", "data.drop_labels"
        listing.add(problem, "dropped", f"{where} {emotion!r} is in {reason}", **who)
        return None


def write(path: AnyPath, findings: Sequence[Finding]) -> None:
    """Write ``manifest_report.csv`` and its seal; without findings it has a header only."""
    write_rows(path, list(Finding.model_fields), (finding.model_dump() for finding in findings))


def read(path: AnyPath) -> list[Finding]:
    """Read ``manifest_report.csv``; DataError: it cannot be read, or was changed."""
    with damage(DataError, f"{path}: cannot be read"):
        return [Finding.model_validate(row) for row in read_rows(path)]


def refuse(findings: Sequence[Finding], allow: Sequence[str], report: str) -> None:
    """Raise a message for each problem that ``data.allow`` does not name, and one with counts."""
    known = get_args(Problem)
    wrong = [f for f in findings if f.problem in known and f.problem not in allow]
    if not wrong:
        return
    faults, counts = Faults(), Counter(f.problem for f in wrong)
    for finding in wrong:
        remedy = f"{ALLOWED[finding.action]}: data.allow: [{finding.problem}]"
        # Of two rows for one clip the first is used: leaving out by name would drop both.
        if finding.clip_id and finding.problem != "duplicate_rows":
            remedy += f"; {leave_out(finding.clip_id)}"
        faults.add(f"{finding}; {remedy}")
    kinds = ", ".join(f"{problem} {count}" for problem, count in counts.items())
    faults.add(f"data.allow does not name: {kinds}; all findings are in {report}")
    faults.stop()
