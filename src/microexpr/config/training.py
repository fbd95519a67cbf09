"""Sections ``windows``, ``features``, ``train``, ``select`` and ``model``.

Each class above a section is the part of it that some stages read alone.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from microexpr.config.base import MethodName, NetworkName, Positive, Section, Settings
from microexpr.config.data import Labels
from microexpr.config.protocol import InnerTestedClips, TestedClips

FeatureMode = Literal["onset_difference", "raw"]


class Lengths(Section):
    """The window lengths."""

    n: list[Annotated[int, Field(ge=2)]] = Field(
        [7, 8, 9, 10, 11, 12, 13, 14], min_length=1, description="window lengths N, frames"
    )


class Sampling(Section):
    """Which frames of a clip make a window."""

    modes: list[Literal["continuous", "even", "middle"]] = Field(
        ["continuous", "even"],
        min_length=1,
        description="continuous: consecutive frames; even: frames at even intervals; middle: the "
        "clip's middle frame alone, N times",
    )
    even: Literal["all_steps", "length_step"] = Field(
        "all_steps",
        description="all_steps: all steps of 2..6 that fit (as in the 2020 code); length_step: "
        "clip length // N",
    )

    @model_validator(mode="after")
    def _alone(self) -> Sampling:
        if "middle" in self.modes and len(self.modes) > 1:
            raise ValueError("modes: middle stands alone, other windows show motion")
        return self


class Windowing(Sampling):
    """The windows of a clip of any length."""

    short: Literal["pad", "drop", "fail"] = Field(
        "pad", description="clips below N frames: pad (repeat the first frame), leave out, or stop"
    )


class Windows(Windowing, Lengths):
    """Windows of N frames: lists of indices into a clip's frames."""


class Weights(Section):
    """A weights file that is not shipped."""

    path: str = Field(description="the file: .safetensors, .pth, .pkl, .h5 or .npz")
    sha256: str | None = Field(
        None, description="expected checksum; null: the known ones; a mismatch is an error"
    )


class Backbone(Section):
    """The name of the network."""

    backbone: NetworkName = Field(
        "mobilenet_vggface2", description="network that computes the features"
    )


class Network(Backbone):
    """The network and where it is cut."""

    cut: int = Field(
        13, ge=1, description="last frozen block; ResNet-50 has 16, MobileNet 13; the last: pooled"
    )


class WeightedNetwork(Network):
    """The network with its weights."""

    weights: Weights | None = Field(
        None, description="your weights file, for networks whose weights are not shipped"
    )


class FrameFeatures(WeightedNetwork):
    """How features of frames are computed."""

    batch: int | None = Field(
        None, ge=1, description="frames per forward pass; null: 4 on a CPU, 128 on a GPU"
    )
    dtype: Literal["float16", "float32"] = Field(
        "float16", description="data type of the cached features"
    )


class Features(FrameFeatures):
    """Output of the frozen blocks, computed once per frame."""

    compression: Literal["gzip", "zstd", "none"] = Field(
        "gzip", description="zstd: reading needs the package hdf5plugin"
    )


class FeatureModes(Section):
    """The feature modes."""

    feature_modes: list[FeatureMode] = Field(
        ["onset_difference", "raw"],
        min_length=1,
        description="onset_difference: features minus those of the clip's first frame; raw: "
        "unchanged; the first one is used for table.csv",
    )


class Seeds(Section):
    """The seeds."""

    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0], min_length=1, description="random seeds, one run for each"
    )


class Runs(Seeds, FeatureModes):
    """The runs of one method and N."""


class Head(Section):
    """The kind of classifier."""

    head: Literal["bilstm", "frame_fc"] = Field(
        "bilstm", description="frame_fc: classify each frame, average over the clip"
    )


class HeadAndModes(FeatureModes, Head):
    """The kind of classifier, and the feature modes."""


class ClassWeights(Section):
    """Whether classes are weighted."""

    class_weights: bool = Field(
        False, description="weight classes by inverse frequency in the training clips"
    )


class Learning(ClassWeights, Head):
    """How a fold is trained."""

    epochs: int = Field(10, ge=1, description="number of passes over the training clips")
    batch_clips: int = Field(18, ge=1, description="clips per batch")
    windows_per_clip: int | None = Field(
        2, ge=1, description="windows drawn per clip and epoch; null: all"
    )
    lr: Positive = Field(4e-3, description="peak learning rate of the new layers")
    lr_fine_tuned: Positive = Field(1e-4, description="peak learning rate of the fine-tuned blocks")
    schedule: Literal["one_cycle", "constant"] = Field(
        "one_cycle", description="schedule of both learning rates"
    )
    weight_decay: float = Field(1e-3, ge=0, description="weight decay of AdamW")
    embed: int = Field(48, ge=1, description="width of the embedding of a frame")
    hidden: int = Field(32, ge=1, description="width of the LSTM, per direction")
    dropout: float = Field(
        0.3, ge=0, lt=1, description="dropout rate before the embedding and the classifier"
    )
    readout: Literal["both_ends", "last_step", "mean"] = Field(
        "both_ends", description="which LSTM outputs the classifier uses"
    )
    standardise: bool = Field(
        True, description="divide features by their sd over the training clips"
    )
    permute_labels: bool = Field(
        False, description="control: permute the labels of each fold's training clips"
    )


class SeededLearning(Learning, Seeds):
    """The same with the seeds."""


class LearningRuns(Learning, Runs):
    """The same with the seeds and feature modes."""


class Train(LearningRuns):
    """Fine-tuned blocks, embedding, Bi-LSTM and classifier."""

    chunks: int = Field(
        1, ge=1, description="number of jobs per method and N; each trains some folds"
    )


class Choices(Section):
    """Whether N and alpha are chosen."""

    n: Literal["none", "nested"] = Field(
        "none", description="nested: one more row in table.csv, with N chosen from windows.n"
    )
    alpha: Literal["none", "nested"] = Field(
        "none", description="nested: one more row in table.csv, with alpha chosen from alphas"
    )
    alphas: list[Annotated[float, Field(gt=0, le=200)]] = Field(
        [5.0, 10.0, 20.0], min_length=1, description="candidates; each is magnified and cached"
    )


class Epoch(Section):
    """Whether the epoch is chosen."""

    epoch: Literal["last", "nested"] = Field(
        "last",
        description="nested: the best one of train.epochs on the first inner fold; then all "
        "training clips are trained on for as many",
    )


class InnerFolds(Epoch):
    """The inner folds."""

    folds: int = Field(
        5, ge=2, description="number of inner folds of whole subjects; seed: protocol.seed"
    )


class Select(InnerFolds, Choices):
    """N, alpha and the epoch: fixed in advance, or chosen on inner folds of the training set."""


class Model(Section):
    """The exported model, results/model: method and N fixed in advance, never the best cell."""

    method: MethodName = Field("pmm", description="method, with the first of train.feature_modes")
    n: int = Field(14, ge=2, description="window length N; one of windows.n")


class FoldSettings(Settings):
    """What the training of a fold for a number of epochs follows from."""

    data: Labels
    windows: Windowing
    features: WeightedNetwork
    train: Learning
    protocol: TestedClips


class TrainingSettings(FoldSettings):
    """What the training of a fold follows from."""

    train: LearningRuns
    select: Epoch


class InnerTrainingSettings(TrainingSettings):
    """The same with inner folds, on which N, alpha or the epoch is chosen."""

    protocol: InnerTestedClips
    select: InnerFolds
