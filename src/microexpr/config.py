"""The configuration: one model that holds every default, unit and bound.

``workflow/schemas/config.schema.yaml`` is generated from it (``python -m microexpr schema .``); a
test fails when they differ. A stage never sees the whole configuration: :mod:`microexpr.stages`
cuts out what the stage reads, the workflow passes that part as a job parameter, and so a stage
reruns exactly when something it reads has changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from microexpr.errors import ConfigError

Method = Literal["none", "filter_only", "amm", "pmm"]
Reading = Literal["onset_difference", "raw"]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Crop(Section):
    """One similarity transform a clip."""

    detector: Literal["yunet", "none"] = Field(
        "yunet", description="none: the clips are cropped already and are only resized"
    )
    size_px: int = Field(224, ge=32, le=1024, description="side of the square crop")
    margin: float = Field(0.15, ge=-0.3, le=2, description="added to the face box, relative")
    level_eyes: bool = Field(True, description="rotate so that the eyes lie level")
    first_frames: int = Field(5, ge=1, description="frames whose median sets the transform")
    min_score: Fraction = Field(0.7, description="detections below this score do not count")
    detection_width_px: int = Field(320, ge=80, description="frames are shrunk to it to detect")
    min_detected: Fraction = Field(
        0.5, description="share of a clip's frames with a face below which the clip fails"
    )


class Amm(Section):
    """Amplitude-based magnification: Laplacian pyramid (Wu et al. 2012)."""

    levels: int = Field(6, ge=1, le=10, description="pyramid levels")
    lambda_c_px: float = Field(
        16.0, ge=0, description="wavelengths below get less gain (Wu eq. 14); 0: same gain for all"
    )


class Pmm(Section):
    """Phase-based magnification: complex steerable pyramid (Wadhwa et al. 2013)."""

    levels: int | None = Field(None, ge=1, le=10, description="octaves; null: as many as fit")
    orientations: int = Field(8, ge=1, le=16, description="orientation bands")
    per_octave: Literal[1, 2] = Field(1, description="1: octave, 2: half-octave bands")
    smoothing_px: float = Field(
        2.0, ge=0, description="sd of the amplitude-weighted phase smoothing, px of the band"
    )


class Magnify(Section):
    """Motion magnification."""

    methods: list[Method] = Field(
        ["amm", "pmm", "none", "filter_only"], min_length=1, description="arms of the comparison"
    )
    alpha: float = Field(10.0, ge=0, le=200, description="motion becomes (1 + alpha) times larger")
    passband_hz: tuple[Positive, Positive] = Field((0.5, 10.0), description="low and high, Hz")
    temporal_filter: Literal["butterworth", "ideal", "iir", "reference"] = Field(
        "butterworth",
        description="butterworth: zero-phase; ideal: FFT bins; iir: causal; "
        "reference: difference to reference_frame",
    )
    order: int = Field(1, ge=1, le=6, description="filter order of butterworth and iir")
    reference_frame: int = Field(0, ge=0, description="frame that phases and differences refer to")
    amm: Amm = Amm()
    pmm: Pmm = Pmm()

    @model_validator(mode="after")
    def _band(self) -> Magnify:
        if self.passband_hz[0] >= self.passband_hz[1]:
            raise ValueError("passband_hz: the low edge must lie below the high edge")
        return self


class Windows(Section):
    """Fixed-length segments: indices into a clip's frames."""

    n: list[Annotated[int, Field(ge=2)]] = Field(
        [7, 8, 9, 10, 11, 12, 13, 14], min_length=1, description="frames a window"
    )
    modes: list[Literal["continuous", "even"]] = Field(
        ["continuous", "even"], min_length=1, description="step 1, and frames at even intervals"
    )
    even: Literal["all_steps", "length_step"] = Field(
        "all_steps",
        description="all_steps: every s = 2..6 that fits (2020 code); length_step: s = L // N",
    )
    short: Literal["pad", "drop", "fail"] = Field(
        "pad", description="clips below N: repeat the first frame, leave out, or stop"
    )


class Weights(Section):
    """A weights file that is not shipped."""

    path: str = Field(description="the file: .safetensors, .pth, .pkl, .h5 or .npz")
    sha256: str | None = Field(
        None, description="expected checksum; null: the known ones; a mismatch is an error"
    )


class Features(Section):
    """The frozen blocks' output, computed once a frame."""

    backbone: Literal[
        "mobilenet_vggface2",
        "resnet50_vggface2",
        "efficientnet_lite0_imagenet",
        "resnet50_imagenet",
        "random_mobilenet",
        "random_resnet50",
    ] = Field("mobilenet_vggface2", description="network that sees the frames")
    cut: int = Field(
        13, ge=1, description="last frozen block; ResNet-50 has 16, MobileNet 13; the last: pooled"
    )
    weights: Weights | None = Field(None, description="the user's file, where none is shipped")
    batch: int | None = Field(
        None, ge=1, description="frames a forward pass; null: 4 on a CPU, 128 on a GPU"
    )
    dtype: Literal["float16", "float32"] = Field("float16", description="of the cache")
    compression: Literal["gzip", "zstd", "none"] = Field(
        "gzip", description="zstd needs the hdf5plugin package to read"
    )


class Train(Section):
    """Retrained blocks, embedding, Bi-LSTM and classifier."""

    epochs: int = Field(15, ge=1, description="passes over the training clips")
    batch_clips: int = Field(18, ge=1, description="clips a step")
    windows_per_clip: int | None = Field(
        3, ge=1, description="windows drawn a clip and epoch; null: all"
    )
    lr: Positive = Field(4e-3, description="peak rate of the new layers")
    lr_trunk: Positive = Field(1e-4, description="peak rate of the retrained blocks")
    schedule: Literal["one_cycle", "constant"] = Field("one_cycle", description="of both rates")
    weight_decay: float = Field(1e-3, ge=0, description="AdamW")
    embed: int = Field(48, ge=1, description="width of the embedding of a frame")
    hidden: int = Field(32, ge=1, description="LSTM width, each direction")
    dropout: float = Field(0.3, ge=0, lt=1, description="before the embedding and the classifier")
    readout: Literal["both_ends", "last_step", "mean"] = Field(
        "both_ends", description="which LSTM outputs reach the classifier"
    )
    readings: list[Reading] = Field(
        ["onset_difference", "raw"],
        min_length=1,
        description="onset_difference: features minus those of the clip's first frame; "
        "the first one listed fills table.csv",
    )
    standardise: bool = Field(True, description="divide by the training clips' sd")
    class_weights: bool = Field(False, description="inverse frequency in the training clips")
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1, description="one run each")
    parts: int = Field(1, ge=1, description="jobs a method and N: each trains some folds")


class Protocol(Section):
    """Who is trained on and who is tested."""

    name: Literal["loso", "group_kfold", "clip_kfold", "holdout"] = Field(
        "loso",
        description="loso: one subject out; group_kfold: folds of subjects; clip_kfold: the 2020 "
        "code's folds of clips, subjects leak; holdout: one share of the subjects",
    )
    folds: int = Field(5, ge=2, description="of group_kfold and clip_kfold")
    test_share: float = Field(0.2, gt=0, lt=1, description="of holdout")
    seed: int = Field(42, ge=0, description="of the splits that draw")
    clip_decision: Literal["mean_softmax", "majority", "whole_clip", "last_window"] = Field(
        "mean_softmax", description="from windows to one answer a clip"
    )


class Evaluate(Section):
    """Numbers and their intervals."""

    bootstrap: int = Field(2000, ge=100, description="resamples of the subjects")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
    seed: int = Field(0, ge=0, description="of the bootstrap and the random control")


class Config(Section):
    """All keys, with their defaults."""

    data: Data = Data()
    demo: Demo = Demo()
    crop: Crop = Crop()
    magnify: Magnify = Magnify()
    windows: Windows = Windows()
    features: Features = Features()
    train: Train = Train()
    protocol: Protocol = Protocol()
    evaluate: Evaluate = Evaluate()

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Config:
        """Validate nested dictionaries.

        Parameters
        ----------
        values : dict
            Sections by name; missing keys take their defaults.

        Raises
        ------
        ConfigError
            On the first unknown key, wrong type or impossible value, naming the key.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "configuration"
            more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise ConfigError(f"{key}: {first['msg']}, got {first['input']!r}{more}") from None

    @classmethod
    def load(cls, source: str) -> Config:
        """Read a YAML file, or inline JSON (what the workflow passes: only the stage's part)."""
        if source.lstrip().startswith("{"):
            return cls.parse(_json(source))
        try:
            values = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{source}: cannot be read as YAML ({error})") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{source}: must hold sections such as 'data:' and 'magnify:'")
        return cls.parse(values)


def _json(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"--config: is not valid JSON ({error})") from None
