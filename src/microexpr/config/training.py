"""Sections ``protocol``, ``windows``, ``features``, ``train``, ``select`` and ``model``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from microexpr.config import base
from microexpr.config.base import MethodName, Only, Positive, Section, Settings, Without
from microexpr.config.data import Data

FeatureMode = Literal["onset_difference", "raw"]
# Keys of section train that say which runs there are, and in how many jobs.
RUNS = ("feature_modes", "seeds", "chunks")


class Protocol(Section):
    """Which clips are used for training and which for testing."""

    name: Literal[
        "loso", "leave_one_dataset_out", "group_kfold", "clip_kfold", "holdout", "official"
    ] = Field(
        "loso",
        description="loso: leave one subject out; leave_one_dataset_out: of data.kind composite or "
        "megc2019, or by column split of a table; group_kfold: folds of subjects; clip_kfold: "
        "folds of clips as in the 2020 code, the same subjects are in training and test; holdout: "
        "one share of the subjects; official: the data set's own split, as DFME has one",
    )
    file: base.FilePath | None = Field(
        None,
        description="list of folds with its checksum, such as folds/megc2019-loso-v1.csv, in place "
        "of making them; it must be what name promises, and name the clips of the data set",
    )
    seed: int = Field(42, ge=0, description="seed of random splits")
    folds: int = Field(5, ge=2, description="number of folds of group_kfold and clip_kfold")
    test_share: float = Field(0.2, gt=0, lt=1, description="share of subjects that holdout tests")
    clip_decision: Literal["mean_softmax", "majority", "whole_clip", "last_window"] = Field(
        "mean_softmax", description="how windows give one prediction per clip"
    )


class Windows(Section):
    """Windows of N frames: lists of indices into a clip's frames."""

    n: list[Annotated[int, Field(ge=2)]] = Field(
        [7, 8, 9, 10, 11, 12, 13, 14], min_length=1, description="window lengths N, frames"
    )
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
    order: Literal["kept", "shuffled", "reversed"] = Field(
        "kept",
        description="control: order of the frames within a window; shuffled: at random, in "
        "training and test; reversed: backwards in test",
    )
    short: Literal["pad", "drop", "fail"] = Field(
        "pad", description="clips below N frames: pad (repeat the first frame), leave out, or stop"
    )

    @model_validator(mode="after")
    def _alone(self) -> Self:
        if "middle" in self.modes and len(self.modes) > 1:
            raise ValueError("modes: middle stands alone, other windows show motion")
        return self


class Weights(Section):
    """A weights file that is not shipped."""

    path: base.FilePath = Field(description="the file: .safetensors, .pth, .pkl, .h5 or .npz")
    sha256: str | None = Field(None, description="expected checksum; null: the known ones")


class Features(Section):
    """Output of the frozen blocks, computed once per frame."""

    backbone: base.NetworkName = Field(
        "mobilenet_vggface2", description="network that makes features"
    )
    cut: int = Field(
        13, ge=1, description="last frozen block; ResNet-50 has 16, MobileNet 13; the last: pooled"
    )
    weights: Weights | None = Field(None, description="your file, where none is shipped")
    batch: int | None = Field(None, ge=1, description="frames at a time; null: 4, on a GPU 128")
    dtype: Literal["float16", "float32"] = Field("float16", description="type of cached features")
    compression: Literal["gzip", "zstd", "none"] = Field(
        "gzip", description="zstd: reading needs the package hdf5plugin"
    )


class Train(Section):
    """Fine-tuned blocks, embedding, Bi-LSTM and classifier."""

    feature_modes: list[FeatureMode] = Field(
        ["onset_difference", "raw"],
        min_length=1,
        description="onset_difference: features minus those of the clip's first frame; raw: "
        "unchanged; the first one is used for table.csv",
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [0], min_length=1, description="random seeds, one run for each"
    )
    head: Literal["bilstm", "frame_fc"] = Field(
        "bilstm", description="frame_fc: classify each frame, average over the clip"
    )
    class_weights: bool = Field(False, description="weight classes by inverse training frequency")
    epochs: int = Field(10, ge=1, description="number of passes over the training clips")
    batch_clips: int = Field(18, ge=1, description="clips per batch")
    windows_per_clip: int | None = Field(2, ge=1, description="per clip and epoch; null: all")
    lr: Positive = Field(4e-3, description="peak learning rate of the new layers")
    lr_fine_tuned: Positive = Field(1e-4, description="peak learning rate of the fine-tuned blocks")
    schedule: Literal["one_cycle", "constant"] = Field(
        "one_cycle", description="schedule of both learning rates"
    )
    weight_decay: float = Field(1e-3, ge=0, description="weight decay of AdamW")
    embed: int = Field(48, ge=1, description="width of the embedding of a frame")
    hidden: int = Field(32, ge=1, description="width of the LSTM, per direction")
    dropout: float = Field(0.3, ge=0, lt=1, description="rate before embedding and classifier")
    readout: Literal["both_ends", "last_step", "mean"] = Field(
        "both_ends", description="which LSTM outputs the classifier uses"
    )
    standardise: bool = Field(True, description="divide features by their sd over training clips")
    permute_labels: bool = Field(False, description="control: permute labels of training clips")
    chunks: int = Field(1, ge=1, description="jobs per method; each trains some folds, with all N")


class Select(Section):
    """N, alpha and the epoch: fixed in advance, or chosen on inner folds of the training set."""

    n: Literal["none", "nested"] = Field(
        "none", description="nested: one more row in table.csv, with N chosen from windows.n"
    )
    alpha: Literal["none", "nested"] = Field(
        "none", description="nested: one more row in table.csv, with alpha chosen from alphas"
    )
    alphas: list[Annotated[float, Field(gt=0, le=200)]] = Field(
        [5.0, 10.0, 20.0], min_length=1, description="candidates; each is magnified and cached"
    )
    epoch: Literal["last", "nested", "best_epoch_on_test"] = Field(
        "last",
        description="nested: the best one of train.epochs on the first inner fold; then all "
        "training clips are trained on for as many; best_epoch_on_test is refused: it makes the "
        "labelled rows of comparison.csv",
    )
    folds: int = Field(5, ge=2, description="inner folds of subjects; seed: protocol.seed")


class Model(Section):
    """The exported model, results/model: method and N fixed in advance, never the best cell."""

    method: MethodName = Field("pmm", description="method, with the first of train.feature_modes")
    n: int = Field(14, ge=2, description="window length N; one of windows.n")


class FoldSettings(Settings):
    """What the training of a fold for a number of epochs follows from."""

    data: Annotated[Data, Only("labels")]
    windows: Annotated[Windows, Without("n")]
    features: Annotated[Features, Only("backbone", "cut", "weights")]
    train: Annotated[Train, Without(*RUNS)]
    protocol: Annotated[Protocol, Only("name", "clip_decision")]


class TrainingSettings(FoldSettings):
    """What the training of a fold follows from."""

    train: Annotated[Train, Without("chunks")]
    select: Annotated[Select, Only("epoch")]


class InnerTrainingSettings(TrainingSettings):
    """The same with inner folds, on which N, alpha or the epoch is chosen."""

    protocol: Annotated[Protocol, Only("seed", "name", "clip_decision")]
    select: Annotated[Select, Only("epoch", "folds")]
