"""The manifest: one row per clip, whatever data set it comes from."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from microexpr.config import Expected
from microexpr.errors import DataError, Faults
from microexpr.runtime.files import AnyPath
from microexpr.runtime.names import MAX_IDENTIFIER, alike
from microexpr.runtime.tables import read_rows, write_rows
from microexpr.runtime.wrong_values import said


def natural(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sort key that puts s2 before s10."""
    parts = re.split(r"(\d+)", text)
    return tuple((0, int(p)) if p.isdecimal() else (1, p) for p in parts if p)


# Identifiers become file names and HDF5 group names: no separators, no leading dot or dash.
Identifier = Annotated[str, Field(pattern=r"^[\w+][\w.+-]*$", max_length=MAX_IDENTIFIER)]
# The columns that stage decode reads: no label.
DECODED = {"clip_id", "kind", "source", "frames", "first", "last", "fps", "times", "apex"}
# An annotated frame; an empty cell of the table means that it is not known.
FrameNumber = Annotated[
    Annotated[int, Field(ge=0)] | None, BeforeValidator(lambda cell: None if cell == "" else cell)
]


class Clip(BaseModel):
    """One clip of the data set; a row of ``manifest.csv``."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    clip_id: Identifier = Field(description="unique name")
    subject: Identifier = Field(description="person in the clip; the unit that is left out")
    label: str = Field(min_length=1, description="class")
    kind: Literal["images", "video"] = Field(description="a folder of images, or one video file")
    source: str = Field(min_length=1, description="folder or file, relative to data.root")
    frames: int = Field(
        ge=0, description="frames that are decoded; 0 for a video that the index has not counted"
    )
    first: int = Field(
        ge=0, description="camera counter of the first frame that is decoded; 0 for a whole video"
    )
    last: int = Field(
        ge=0, description="camera counter of the last frame that is decoded; 0 for a whole video"
    )
    fps: float = Field(
        ge=0, description="frames/s; 0 for a video whose time stamps the index has not read"
    )
    onset: FrameNumber = Field(None, description="camera counter where the expression starts")
    apex: FrameNumber = Field(None, description="camera counter where it is strongest")
    offset: FrameNumber = Field(None, description="camera counter where it ends")
    times: Literal["fps", "stamps"] = Field(
        default_factory=lambda known: "fps" if known.get("fps") else "stamps",
        description="origin of the frames' times: fps, as given; stamps, the video's time stamps, "
        "from which the index computes fps",
    )
    resampled: int = Field(
        0, ge=0, description="frames after resampling to even times; 0: they are even as they are"
    )
    action_units: str = Field(
        "", description="action units as annotated, such as L12+R4; L and R are sides of the face"
    )
    split: str = Field(
        "",
        description="part of the data set's official split, such as train, or the data set in a "
        "composite; may be empty",
    )

    @property
    def length(self) -> int:
        """Number of even frames; 0 for a whole video that is not counted yet."""
        if self.frames:
            return self.resampled or self.frames
        return self.last - self.first + 1 if self.last else 0

    @model_validator(mode="after")
    def _order(self) -> Self:
        known = [n for n in (self.onset, self.apex, self.offset) if n is not None]
        if known != sorted(known):
            raise ValueError(f"onset, apex and offset {known} do not increase")
        return self


def planned(clip: Clip) -> Clip:
    """Return a clip as readers list it: without what stage index takes from its files."""
    if clip.kind == "images":
        return clip.model_copy(update={"resampled": 0})
    fps = clip.fps if clip.times == "fps" else 0.0
    return clip.model_copy(update={"frames": 0, "fps": fps, "resampled": 0})


def shards(
    clips: Iterable[Clip], subjects_per_shard: int, left_out: Iterable[Clip] = ()
) -> dict[str, list[Clip]]:
    """Split the clips into sets of whole subjects, in natural order of the subjects.

    A shard is named by its subject, or by the first and the last one. The subjects of `left_out`
    keep their place empty, so that the other shards stay the same.
    """
    by_subject: dict[str, list[Clip]] = {}
    for clip in clips:
        by_subject.setdefault(clip.subject, []).append(clip)
    names = sorted({*by_subject, *(clip.subject for clip in left_out)}, key=natural)
    result = {}
    for start in range(0, len(names), subjects_per_shard):
        group = [n for n in names[start : start + subjects_per_shard] if n in by_subject]
        if not group:
            continue
        name = group[0] if len(group) == 1 else f"{group[0]}-{group[-1]}"
        if name in result:
            text = f"two shards would be called {name}; change it"
            raise DataError(f"data.subjects_per_shard: {text}")
        members = [clip for subject in group for clip in by_subject[subject]]
        result[name] = sorted(members, key=lambda clip: natural(clip.clip_id))
    return result


def originals(clips: Sequence[Clip], frames: Mapping[str, str] | None = None) -> list[str]:
    """Return for each clip the clip_id of the first clip that holds all its frames.

    This is the clip itself, unless the same frames are listed under two names. `frames` holds a
    checksum of the decoded frames of each clip, whose file may be a copy of another one.
    """
    by_source: dict[str, list[Clip]] = {}
    for clip in clips:
        by_source.setdefault(os.path.normpath(clip.source), []).append(clip)
    found: dict[str, str] = {}
    for group in by_source.values():
        # Longest first, and a whole video, which is 0 to 0, before all of its parts.
        for clip in sorted(group, key=lambda c: (bool(c.last), c.first - c.last)):
            holders = (c for c in group if c.clip_id in found)
            whole = (c for c in holders if not c.last or c.first <= clip.first)
            held = next((c for c in whole if not c.last or clip.last <= c.last), clip)
            found[clip.clip_id] = found.get(held.clip_id, clip.clip_id)
    first: dict[str, str] = {}
    for clip_id, digest in (frames or {}).items():
        if clip_id in found:
            one, other = found[first.setdefault(digest, clip_id)], found[clip_id]
            found = {name: one if held == other else held for name, held in found.items()}
    return [found[clip.clip_id] for clip in clips]


def parted(clips: Sequence[Clip]) -> bool:
    """Tell whether all clips are of parts, of an official split or a composite, and of several."""
    parts = {clip.split for clip in clips}
    return len(parts) > 1 and "" not in parts


def twice(clips: Sequence[Clip], frames: Mapping[str, str]) -> list[str]:
    """Return a sentence for each clip whose frames another one holds, see :func:`originals`."""
    return [
        f"clip {clip.clip_id} has no frame that clip {original} has not: one clip under two names"
        for clip, original in zip(clips, originals(clips, frames), strict=True)
        if clip.clip_id != original
    ]


def digest(rows: Sequence[BaseModel], columns: set[str] | None = None) -> str:
    """Return a checksum of rows, or of some of their columns, in order."""
    text = "\n".join(row.model_dump_json(include=columns) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def check(clips: Sequence[Clip], labels: Sequence[str]) -> None:
    """Raise DataError for no clip, names that occur twice or in two spellings, unknown labels."""
    if not clips:
        raise DataError("no clip found; see data.root and data.kind")
    faults = Faults()
    for clip_id, count in Counter(clip.clip_id for clip in clips).items():
        if count > 1:
            faults.add(f"clip {clip_id}: {count} clips have this name")
    spellings: dict[str, Clip] = {}
    for clip in clips:
        first = spellings.setdefault(alike(clip.subject), clip)
        if first.subject != clip.subject:
            faults.add(
                f"clip {clip.clip_id}: subject {clip.subject!r} is spelt {first.subject!r} in clip "
                f"{first.clip_id}; use one name per person, and names of two persons that differ "
                "in more than case and zeros"
            )
        if clip.label not in labels:
            faults.add(
                f"clip {clip.clip_id}: label {clip.label!r} is not in data.labels {list(labels)}"
            )
    faults.stop()


def check_counts(clips: Sequence[Clip], expected: Expected, versions: Sequence[str] = ()) -> None:
    """Raise DataError with each count that differs from ``data.expected``, and table `versions`."""
    found, subjects = Counter(clip.label for clip in clips), {clip.subject for clip in clips}
    wanted = {"subjects": (expected.subjects, len(subjects)), "clips": (expected.clips, len(clips))}
    wanted |= {f"per_label.{name}": (n, found[name]) for name, n in expected.per_label.items()}
    wrong = [f"{k} {got} (expected {n})" for k, (n, got) in wanted.items() if n not in (None, got)]
    if wrong:
        counts = f"the data set differs from data.expected: {', '.join(wrong)}"
        raise DataError("; ".join([counts, *versions]))


def write(path: AnyPath, clips: Sequence[Clip]) -> None:
    """Write ``manifest.csv`` and its seal."""
    write_rows(path, list(Clip.model_fields), (clip.model_dump() for clip in clips), end="\r\n")


def read(path: AnyPath) -> list[Clip]:
    """Read ``manifest.csv``; DataError names the row and column, or says it was changed."""
    clips = []
    for number, row in enumerate(read_rows(path), 2):
        try:
            clips.append(Clip.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            column = first["loc"][0] if first["loc"] else "onset"
            raise DataError(f"{path}: line {number}: column {column}{said(first)}") from None
    return clips
