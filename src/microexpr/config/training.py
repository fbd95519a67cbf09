"""Sections ``windows``, ``features``, ``train``, ``select`` and ``model``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from microexpr.config.base import MethodName, NetworkName, Positive, Section

FeatureMode = Literal["onset_difference", "raw"]


class Windows(Section):
    """Fixed-length segments: indices into a clip's frames."""

    n: list[Annotated[int, Field(ge=2)]] = Field(
        [7, 8, 9, 10, 11, 12, 13, 14], min_length=1, description="frames a window"
    )
    modes: list[Literal["continuous", "even", "middle"]] = Field(
        ["continuous", "even"],
        min_length=1,
        description="continuous: step 1; even: frames at even intervals; middle: the clip's middle "
        "frame alone, N times",
    )
    even: Literal["all_steps", "length_step"] = Field(
        "all_steps",
        description="all_steps: every s = 2..6 that fits (2020 code); length_step: s = L // N",
    )
    short: Literal["pad", "drop", "fail"] = Field(
        "pad", description="clips below N: repeat the first frame, leave out, or stop"
    )

    @model_validator(mode="after")
    def _alone(self) -> Windows:
        if "middle" in self.modes and len(self.modes) > 1:
            raise ValueError("modes: middle stands alone, other windows show motion")
        return self


class Weights(Section):
    """A weights file that is not shipped."""

    path: str = Field(description="the file: .safetensors, .pth, .pkl, .h5 or .npz")
    sha256: str | None = Field(
        None, description="expected checksum; null: the known ones; a mismatch is an error"
    )


class Features(Section):
    """The frozen blocks' output, computed once a frame."""

    backbone: NetworkName = Field("mobilenet_vggface2", description="network that sees the frames")
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

    head: Literal["bilstm", "frame_fc"] = Field(
        "bilstm", description="frame_fc: each frame is classified alone, a clip gets their mean"
    )
    epochs: int = Field(10, ge=1, description="passes over the training clips")
    batch_clips: int = Field(18, ge=1, description="clips a step")
    windows_per_clip: int | None = Field(
        2, ge=1, description="windows drawn a clip and epoch; null: all"
    )
    lr: Positive = Field(4e-3, description="peak rate of the new layers")
    lr_fine_tuned: Positive = Field(1e-4, description="peak rate of the retrained blocks")
    schedule: Literal["one_cycle", "constant"] = Field("one_cycle", description="of both rates")
    weight_decay: float = Field(1e-3, ge=0, description="AdamW")
    embed: int = Field(48, ge=1, description="width of the embedding of a frame")
    hidden: int = Field(32, ge=1, description="LSTM width, each direction")
    dropout: float = Field(0.3, ge=0, lt=1, description="before the embedding and the classifier")
    readout: Literal["both_ends", "last_step", "mean"] = Field(
        "both_ends", description="which LSTM outputs reach the classifier"
    )
    feature_modes: list[FeatureMode] = Field(
        ["onset_difference", "raw"],
        min_length=1,
        description="onset_difference: features minus those of the clip's first frame; "
        "the first one listed fills table.csv",
    )
    standardise: bool = Field(True, description="divide by the training clips' sd")
    class_weights: bool = Field(False, description="inverse frequency in the training clips")
    permute_labels: bool = Field(
        False, description="a control: the labels of each fold's training clips change places"
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1, description="one run each")
    chunks: int = Field(1, ge=1, description="jobs a method and N: each trains some folds")


class Select(Section):
    """N, alpha and the epoch: fixed in advance, or chosen on inner folds of the training part."""

    n: Literal["none", "nested"] = Field(
        "none", description="nested: a row more in table.csv, with N chosen among windows.n"
    )
    alpha: Literal["none", "nested"] = Field(
        "none", description="nested: a row more in table.csv, with alpha chosen among alphas"
    )
    alphas: list[Annotated[float, Field(gt=0, le=200)]] = Field(
        [5.0, 10.0, 20.0], min_length=1, description="candidates; each one is magnified and cached"
    )
    epoch: Literal["last", "nested"] = Field(
        "last",
        description="nested: the best one of train.epochs on the first inner fold; then all "
        "training clips are trained on for as many",
    )
    folds: int = Field(
        5, ge=2, description="inner folds of whole subjects, drawn with protocol.seed"
    )


class Model(Section):
    """The exported model, results/model: method and N fixed in advance, never the best cell."""

    method: MethodName = Field(
        "pmm", description="the method, under the first of train.feature_modes"
    )
    n: int = Field(14, ge=2, description="frames a window; one of windows.n")
