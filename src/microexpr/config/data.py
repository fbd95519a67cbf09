"""Sections ``data`` and ``demo``: which clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from microexpr.config.base import ClassName, FilePath, Fraction, KindName, Name, Positive, Section
from microexpr.runtime.names import fold
from microexpr.runtime.wrong_values import place, said

Problem = Literal[
    "missing_frames",
    "missing_clips",
    "unlisted_clips",
    "short_clips",
    "missing_apex",
    "unreadable_rows",
    "unreadable_files",
    "uneven_times",
    "unknown_labels",
    "duplicate_rows",
]
Uneven = Literal["resample", "fail"]


class Expected(Section):
    """Counts that a complete copy has; the stage index fails on any other count."""

    subjects: int | None = Field(None, ge=1, description="subjects with at least one clip")
    clips: int | None = Field(None, ge=1, description="clips of all labels")
    per_label: dict[ClassName, int] = Field({}, description="clips per label")


# Keys that the name of the data set in tables and figures follows from.
TITLE = ("kind", "table", "camera", "version", "part", "sets")


SetName = Annotated[str, Field(pattern="^[A-Za-z0-9]+$")]  # a prefix of subjects and clips


class Data(Section):
    """The data set. The folder layouts of the releases are described in docs/datasets.md."""

    kind: KindName = Field(
        "demo",
        description="demo: generated faces; video: files in a table; folder: label/subject_clip; "
        "casme_sq: CAS(ME)^2; casme3: CAS(ME)^3; fourdme: 4DME; megc2019: SMIC-HS, CASME II and "
        "SAMM together; composite: the data sets of key sets",
    )
    root: FilePath = Field("results/demo", description="folder of the data set; demo: it is made")
    table: FilePath | None = Field(
        None,
        description="annotation table (.xlsx, .csv); null: searched below root; kind video: "
        "with path, subject, label[, clip_id, fps, onset, apex, offset, action_units, split]",
    )
    sets: dict[SetName, dict[str, Any]] = Field(
        {},
        description="composite: its data sets by name, each with the keys of this section that it "
        "has of its own: kind, root (below the one above), table, label_map and so on",
    )
    camera: Literal["HS", "VIS", "NIR"] = Field("HS", description="smic and smic_e: camera")
    version: Literal["raw", "cropped"] = Field("raw", description="frames of the release")
    part: Literal["A", "C"] = Field("A", description="casme3: part")
    labels: list[ClassName] = Field(
        ["negative", "positive", "surprise"], min_length=1, description="class names, in order"
    )
    fps: Positive | None = Field(None, description="frames/s; null: as stated by the release")
    uneven: Uneven = Field(
        "resample",
        description="clips with dropped frames or a varying frame rate. resample: frames are "
        "interpolated at even times; fail: the clip is a problem. Gaps above 0.2 s always are",
    )
    label_map: dict[ClassName, ClassName] = Field(
        {}, description="maps emotions of the release to labels; an emotion that is a label stays"
    )
    drop_labels: list[ClassName] = Field([], description="emotions left out, listed in the report")
    leave_out: list[Name] = Field(
        [],
        description="names of subjects and clips that are not used, spelled as in "
        "results/manifest.csv; each clip is listed in the report; `microexpr forget` adds subjects",
    )
    allow: list[Problem] = Field([], description="problems of the report that do not stop a run")
    expected: Expected = Field(Expected(), description="counts that a complete copy has")
    subjects_per_shard: int = Field(1, ge=1, description="subjects per file and job: fewer jobs")

    @model_validator(mode="after")
    def _labels(self) -> Self:
        for emotion, label in self.label_map.items():
            if label not in self.labels:
                raise ValueError(f"label_map: {emotion!r} becomes {label!r}, which is no label")
        known: dict[str, str] = {}
        for name in self.labels:
            if fold(name) in known:
                raise ValueError(f"labels: {known[fold(name)]!r} and {name!r} are the same name")
            known[fold(name)] = name
        mapped = {fold(emotion): label for emotion, label in self.label_map.items()}
        for emotion, label in self.label_map.items():
            if mapped[fold(emotion)] != label:
                raise ValueError(f"label_map: {emotion!r} stands there with two labels")
        used = {fold(name) for name in (*self.label_map, *self.labels)}
        both = [name for name in self.drop_labels if fold(name) in used]
        if both:
            raise ValueError(f"drop_labels: {both[0]!r} is in label_map or labels too")
        return self

    @model_validator(mode="after")
    def _composite(self) -> Self:
        several = ("table", "fps", "label_map", "drop_labels")
        own = {"megc2019": several, "composite": several, "dfme": ("table",)}
        given = [key for key in own.get(self.kind, ()) if getattr(self, key)]
        if given:
            raise ValueError(f"{given[0]}: kind {self.kind} brings its own")
        if (self.kind == "composite") != (len(self.sets) > 1):
            raise ValueError("sets: kind composite needs two data sets or more, others have none")
        for name in self.sets:
            if self.of_set(name).kind in ("demo", "composite", "megc2019"):
                raise ValueError(f"sets.{name}: kind must be a data set of its own, not generated")
        return self

    def of_set(self, name: str) -> Data:
        """Return the section of a data set of the composite; ValueError: a key is wrong."""
        shared = self.model_dump(include={"version", "labels", "uneven"}) | self.sets[name]
        try:
            return Data(**shared | {"root": str(Path(self.root, shared.get("root", "")))})
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"sets.{name}.{place(first)}".rstrip(".") + said(first)) from None


class Demo(Section):
    """The generated data set. Amplitudes are in px of the 640x480 px frames, before cropping."""

    seed: int = Field(2021, ge=0, description="determines the whole data set")
    subjects: int = Field(12, ge=1, le=99, description="number of subjects")
    clips_per_class: int = Field(2, ge=1, le=99, description="clips per class and subject")
    sequence_share: Fraction = Field(
        1.0,
        description="share of the negative and positive clips that only the order of frames tells "
        "apart: both show an action of each of these classes, first that of their own",
    )
    median_frames: int = Field(31, ge=4, description="median clip length, frames")
    min_frames: int = Field(17, ge=3, description="shortest clip, frames")
    max_frames: int = Field(58, ge=4, description="longest clip, frames")
    amplitude_px: float = Field(
        0.5, ge=0, le=8, description="peak motion, px; each clip times a random factor of 0.7..1.3"
    )
    drift_px: float = Field(0.2, ge=0, le=8, description="drift of the head, px, 0.3-3 Hz")
    distraction: float = Field(0.3, ge=0, le=4, description="other motion, share of amplitude_px")
    gaze_px: float = Field(0.35, ge=0, le=8, description="one gaze shift per clip, px")
    noise_sigma: float = Field(1.5, ge=0, le=64, description="sd of sensor noise, levels of 255")
    flicker: Fraction = Field(0.006, description="relative changes of brightness")

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if not self.min_frames <= self.median_frames <= self.max_frames:
            raise ValueError("min_frames, median_frames and max_frames must increase")
        return self
