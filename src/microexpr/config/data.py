"""Sections ``data`` and ``demo``: which clips."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from microexpr.config.base import Fraction, KindName, Positive, Section

Problem = Literal[
    "missing_frames",
    "missing_clips",
    "unlisted_clips",
    "short_clips",
    "missing_apex",
    "unreadable_rows",
    "unreadable_files",
    "unknown_labels",
    "duplicate_rows",
]


class Expected(Section):
    """What a complete copy of the data set holds; the index stage fails on any other count."""

    subjects: int | None = Field(None, ge=1, description="subjects with at least one clip")
    clips: int | None = Field(None, ge=1, description="clips of all labels together")
    per_label: dict[str, int] = Field({}, description="clips of each label")


class Data(Section):
    """Which clips. The layouts of the releases are described in docs/datasets.md."""

    kind: KindName = Field(
        "demo",
        description="demo: generated faces; video: files in a table; folder: label/subject_clip; "
        "casme_sq: CAS(ME)^2; casme3: CAS(ME)^3; fourdme: 4DME; megc2019: SMIC-HS, CASME II and "
        "SAMM together",
    )
    root: str = Field(
        "results/demo", description="folder of the data set (demo: it is written there)"
    )
    table: str | None = Field(
        None,
        description="annotations (.xlsx, .csv); null: the release's own file below root; "
        "kind video: with path, subject, label[, clip_id, fps, onset, apex, offset]",
    )
    camera: Literal["HS", "VIS", "NIR"] = Field("HS", description="smic and smic_e: which camera")
    version: Literal["raw", "cropped"] = Field("raw", description="which tree of the release")
    part: Literal["A", "C"] = Field("A", description="casme3: which part")
    fps: Positive | None = Field(None, description="frames/s; null: what the release states")
    labels: list[str] = Field(
        ["negative", "positive", "surprise"], min_length=1, description="class names, in order"
    )
    label_map: dict[str, str] = Field(
        {}, description="from the release's emotions to labels; an emotion that is a label stays"
    )
    drop_labels: list[str] = Field(
        [], description="emotions whose clips are left out; each is listed in the report"
    )
    leave_out: list[str] = Field(
        [],
        description="subjects and clips that are not used, spelt as in results/manifest.csv; each "
        "clip is listed in the report; `microexpr forget` adds subjects",
    )
    allow: list[Problem] = Field(
        [], description="problems of results/manifest_report.csv that do not stop the run"
    )
    expected: Expected = Field(Expected(), description="counts that the release should have")
    subjects_per_shard: int = Field(
        1, ge=1, description="whole subjects a file and a job; more for small data sets"
    )

    @model_validator(mode="after")
    def _labels(self) -> Data:
        for emotion, label in self.label_map.items():
            if label not in self.labels:
                raise ValueError(f"label_map: {emotion!r} becomes {label!r}, which is no label")
        used = {name.strip().casefold() for name in (*self.label_map, *self.labels)}
        both = [name for name in self.drop_labels if name.strip().casefold() in used]
        if both:
            raise ValueError(f"drop_labels: {both[0]!r} is in label_map or labels too")
        return self

    @model_validator(mode="after")
    def _composite(self) -> Data:
        own = ("table", "fps", "label_map", "drop_labels")
        given = [key for key in own if getattr(self, key)]
        if self.kind == "megc2019" and given:
            raise ValueError(f"{given[0]}: kind megc2019 brings its own")
        return self


class Demo(Section):
    """The generated data set. Amplitudes are at 640x480 px, before the crop's scale."""

    seed: int = Field(2021, ge=0, description="the whole data set follows from it")
    subjects: int = Field(12, ge=1, le=99, description="identities")
    clips_per_class: int = Field(2, ge=1, le=99, description="clips of each class and subject")
    amplitude_px: float = Field(0.5, ge=0, le=8, description="peak motion; each clip x U(.7, 1.3)")
    drift_px: float = Field(0.2, ge=0, le=8, description="head drift, 0.3-3 Hz")
    distraction: float = Field(0.3, ge=0, le=4, description="class-free motion, of amplitude_px")
    gaze_px: float = Field(0.35, ge=0, le=8, description="one step of the gaze a clip")
    noise_sigma: float = Field(1.5, ge=0, le=64, description="sensor noise, grey levels of 255")
    flicker: Fraction = Field(0.006, description="brightness changes, relative")
    median_frames: int = Field(31, ge=4, description="median clip length")
    min_frames: int = Field(17, ge=3, description="shortest clip")
    max_frames: int = Field(58, ge=4, description="longest clip")

    @model_validator(mode="after")
    def _lengths(self) -> Demo:
        if not self.min_frames <= self.median_frames <= self.max_frames:
            raise ValueError("min_frames, median_frames and max_frames must increase")
        return self
