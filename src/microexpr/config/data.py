"""Sections ``data`` and ``demo``: which clips."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from microexpr.config.base import Fraction, Positive, Section


class Expected(Section):
    """What a complete copy of the data set holds; the index stage fails on any other count."""

    subjects: int | None = Field(None, ge=1, description="subjects with at least one clip")
    clips: int | None = Field(None, ge=1, description="clips of all labels together")
    per_label: dict[str, int] = Field({}, description="clips of each label")


class Data(Section):
    """Which clips."""

    kind: Literal["demo", "smic", "video"] = Field(
        "demo", description="demo: generated faces; smic: the SMIC release; video: files in a table"
    )
    root: str = Field(
        "results/demo", description="folder of the data set (demo: it is written there)"
    )
    table: str | None = Field(
        None, description="kind video: CSV with path, subject, label and optional clip_id, fps"
    )
    camera: Literal["HS", "VIS", "NIR"] = Field("HS", description="kind smic: which camera")
    version: Literal["raw", "cropped"] = Field("raw", description="kind smic: which tree")
    fps: Positive = Field(100.0, description="frames/s of image sequences (HS 100, VIS and NIR 25)")
    labels: list[str] = Field(
        ["negative", "positive", "surprise"], min_length=1, description="class names, in order"
    )
    expected: Expected = Field(Expected(), description="counts that the release should have")
    subjects_per_shard: int = Field(
        1, ge=1, description="whole subjects a file and a job; more for small data sets"
    )


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
