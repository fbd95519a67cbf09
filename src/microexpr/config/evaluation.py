"""Sections ``evaluate``, ``compare``, ``ablation``, ``leak``, ``figures`` and ``explain``."""

from typing import Annotated, Any, Literal

from pydantic import Field

from microexpr.config.base import (
    ControlName,
    MethodName,
    Name,
    Only,
    Section,
    Settings,
    SystemName,
    made,
)
from microexpr.config.data import TITLE, Data
from microexpr.config.preprocessing import Crop, Magnify
from microexpr.config.training import FeatureMode, Features, Protocol, Train, Windows
from microexpr.runtime.registry import resolve

Changes = dict[str, dict[str, Any]]
# What a level may change: the crops, folds and decisions are the same in all rows.
NetworkChanges = dict[Literal["features", "train"], dict[str, Any]]


class Primary(Section):
    """The comparison that is tested alone, named before the run; all others are exploratory."""

    method: MethodName = Field("pmm", description="one of magnify.methods")
    against: MethodName = Field("none", description="method that it is compared with")
    n: int = Field(14, ge=2, description="window length N; one of windows.n")
    feature_mode: FeatureMode = Field("onset_difference", description="one of train.feature_modes")
    metric: Literal["accuracy", "uf1", "uar"] = Field("accuracy", description="what is compared")


class Evaluate(Section):
    """Metrics, their confidence intervals and tests."""

    primary: Primary = Primary()
    draws: int = Field(
        10000,
        ge=100,
        description="random draws: of the control stratified_random, and of a test over subjects "
        "where there are too many to swap them in every way",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1, description="confidence level of the intervals")
    seed: int = Field(0, ge=0, description="seed of the draws")
    controls: list[ControlName] = Field(
        ["single_frame", "shuffled_frames", "reversed_frames", "permuted_labels"],
        description="controls that are trained, for each method and feature mode, with the N of "
        "section ablation; single_frame: the middle frame alone; shuffled_frames: frames of a "
        "window in random order; reversed_frames: tested on windows that run backwards; "
        "permuted_labels: labels of the training clips permuted; placebo: a still face with the "
        "clip's noise, drift and flicker is magnified",
    )
    permutations: int = Field(1, ge=1, description="number of runs of permuted_labels")


# How intervals, and how tests as well, are made.
Confidence = Annotated[Evaluate, Only("confidence")]
Intervals = Annotated[Evaluate, Only("draws", "confidence", "seed")]


class Ablation(Section):
    """Change one factor at a time from a default fixed in advance: results/ablation.csv."""

    method: MethodName = Field("pmm", description="method, with the first of train.feature_modes")
    n: int = Field(14, ge=2, description="its window length N")
    weights: dict[Literal["vggface2", "imagenet", "random"], NetworkChanges | None] = Field(
        {}, description="other weights, each with the keys that it changes; null: no such row"
    )
    blocks: dict[Literal["retrained", "frozen"], NetworkChanges | None] = Field(
        {},
        description="keys that fine-tuning blocks, or freezing all of them, changes; null: no row",
    )


class NoiseFloor(Section):
    """Folds and seeds drawn again: how far scores move by chance: results/noise_floor.csv."""

    redraws: int = Field(10, ge=2, description="how often folds of subjects and seeds are drawn")
    n: int = Field(14, ge=2, description="window length N")
    methods: list[MethodName] = Field([], description="empty: all of magnify.methods")


class KeyFrames(Section):
    """Errors of onset, apex and offset: results/key_frames.csv."""

    errors: list[Annotated[int, Field(ge=1)]] = Field(
        [1, 2, 4], min_length=1, description="frames by which a key frame of every clip is wrong"
    )
    n: int = Field(14, ge=2, description="window length N")
    methods: list[MethodName] = Field(["pmm"], description="our methods, by onset and offset")
    systems: list[SystemName] = Field(
        ["ststnet", "off_apexnet"], description="compared systems, by onset and apex"
    )
    onset_error: int = Field(0, ge=0, description="of this run: the study sets it")
    apex_error: int = Field(0, ge=0, description="of this run: the study sets it")
    offset_error: int = Field(0, ge=0, description="of this run: the study sets it")


class Leak(Section):
    """Data leakage: the same clips split by window, clip and subject: results/figures/leak.pdf."""

    n: int = Field(14, ge=2, description="window length N")
    feature_mode: FeatureMode = Field("raw", description="raw, as on the poster, shows identity")
    test_share: float = Field(0.2, gt=0, lt=1, description="share of windows held out in training")
    methods: list[MethodName] = Field(["none", "pmm"], min_length=1, description="methods shown")


class Against(Section):
    """The method that the systems are compared with: fixed in advance, never the best cell."""

    n: int = Field(14, ge=2, description="its window length N; also that of vggface2_bilstm")
    method: MethodName = Field("pmm", description="our method; train.feature_modes: first")


def _own_systems() -> list[str]:
    return list(resolve("microexpr.baselines:SYSTEMS").own)


class STSTNetVersion(Section):
    """Where the paper of STSTNet, its authors' code and this pipeline differ."""

    epochs: Literal["code", "paper"] = Field(
        "code", description="code: 800, as main.py; paper: 500, as the text and main.m"
    )
    maps: Literal["displacement", "grey_levels"] = Field(
        "displacement",
        description="displacement: px; grey_levels: each map of each clip from 0 to 255, in the "
        "order strain, vertical, horizontal, as the authors' code reads its pictures",
    )


class Compare(Section):
    """Systems of other authors, on the same crops and folds: results/comparison.csv."""

    against: Against = Against()
    systems: list[SystemName] = made(_own_systems, min_length=1, description="systems in the table")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0], min_length=1, description="random seeds, one run for each"
    )
    epochs: int | None = Field(None, ge=1, description="epochs of networks; null: each one's own")
    ststnet: STSTNetVersion = STSTNetVersion()
    apex: Literal["known", "estimated"] = Field(
        "known", description="known: from the data set if it has one; estimated: from optical flow"
    )


class Figures(Section):
    """Figures of a run: results/figures."""

    clips: list[Name] = Field(
        [],
        description="clips shown over time, as slices, videos and Grad-CAM sheets; empty: the "
        "first of each class",
    )


class Explain(Section):
    """Grad-CAM: results/gradcam. The methods are trained again, because it needs the models."""

    n: int = Field(14, ge=2, description="window length N, fixed in advance")
    blocks: list[Annotated[int, Field(ge=1)]] = Field(
        [],
        description="blocks whose maps are measured; empty: for each map size of at most a "
        "sixteenth of the crop, the last block (MobileNet 11, 13; ResNet-50 13, 16)",
    )
    methods: list[MethodName] = Field([], description="empty: magnify.methods without filter_only")


class TableSettings(Settings):
    """What every table of results states in its rows."""

    data: Annotated[Data, Only(*TITLE, "labels")]
    features: Annotated[Features, Only("backbone", "cut")]
    protocol: Annotated[Protocol, Only("name")]
    evaluate: Intervals


class PageSettings(Settings):
    """What the pages of a report follow from."""

    data: Annotated[Data, Only(*TITLE, "labels")]
    magnify: Annotated[Magnify, Only("methods")]
    features: Annotated[Features, Only("backbone")]
    train: Annotated[Train, Only("feature_modes")]
    protocol: Annotated[Protocol, Only("name")]


class GradcamSettings(Settings):
    """What Grad-CAM maps follow from."""

    data: Annotated[Data, Only("kind", "root", "labels")]
    crop: Annotated[Crop, Only("size_px", "min_score", "detection_width_px")]
    windows: Annotated[Windows, Only("modes", "even")]
    features: Annotated[Features, Only("backbone", "cut", "weights")]
    train: Annotated[Train, Only("feature_modes", "seeds")]
    explain: Annotated[Explain, Only("n", "blocks")]
