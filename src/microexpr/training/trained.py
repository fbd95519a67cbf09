"""What a fold has learned: answers for clips, and a file of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from microexpr.errors import WeightsError
from microexpr.runtime.files import write_bytes
from microexpr.training.feature_modes import (
    FeatureTransform,
    FrameSource,
    FrozenFrames,
    RetrainedFrames,
)
from microexpr.training.model import FineTunedBlocks, WindowClassifier
from microexpr.training.store import FeatureStore

if TYPE_CHECKING:
    from microexpr.backbones import Backbone


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (W, K) of logits (W, K), float64."""
    shifted = np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64)
    return shifted / shifted.sum(1, keepdims=True)


def decide(logits: np.ndarray, last_frames: np.ndarray, decision: str) -> tuple[np.ndarray, int]:
    """Answer for one clip.

    Parameters
    ----------
    logits : ndarray, shape (W, K)
        Of the clip's windows; of the clip as one sequence (W = 1) with ``whole_clip``.
    last_frames : ndarray, shape (W,), int
        Frame on which each window ends.
    decision : {"mean_softmax", "majority", "whole_clip", "last_window"}
        ``mean_softmax``: mean of the windows' probabilities. ``majority``: share of the windows
        that vote for a class; equal shares are settled by the mean of the probabilities.
        ``last_window``: the window that ends last, the densest of several.

    Returns
    -------
    probabilities : ndarray, shape (K,), float64
        They sum to 1.
    predicted : int
        Class.
    """
    p = softmax(logits)
    mean = p.mean(0)
    if decision == "majority":
        votes = np.bincount(p.argmax(1), minlength=p.shape[1])
        return votes / len(p), int(np.lexsort((mean, votes))[-1])
    if decision == "last_window":
        mean = p[last_frames.argmax()]
    return mean, int(mean.argmax())


TEST_WINDOWS = 256  # through the LSTM at a time
TEST_FRAMES = 256  # through the embedding at a time
FORMAT = "microexpr/model 1.0"


@dataclass(frozen=True)
class Answers:
    """Answers for some clips.

    Parameters
    ----------
    probabilities : ndarray, shape (clips, K), float64
        NaN for a clip without windows.
    predicted : ndarray, shape (clips,), int64
        Class; -1 for a clip without windows.
    n_windows : ndarray, shape (clips,), int64
        Sequences that the answer rests on; 1 with ``whole_clip``.
    """

    probabilities: np.ndarray
    predicted: np.ndarray
    n_windows: np.ndarray


@dataclass(frozen=True)
class TrainedModel:
    """A classifier with what it needs to read frames.

    Parameters
    ----------
    transform : FeatureTransform
        Statistics of the training clips, on the CPU.
    classifier : WindowClassifier
        Embedding, Bi-LSTM and classifier.
    fine-tuned blocks : Trunk or None
        Retrained blocks, where there are any; on the classifier's device.
    """

    transform: FeatureTransform
    classifier: WindowClassifier
    fine_tuned: FineTunedBlocks | None

    def frames(self, store: FeatureStore) -> FrameSource:
        """Read the frames of a store: pooled features, or maps where blocks are retrained."""
        device = next(self.classifier.parameters()).device
        if self.fine_tuned is None:
            return FrozenFrames(self.transform, store, device)
        return RetrainedFrames(self.transform, store, self.fine_tuned, device)

    def answer(
        self, frames: FrameSource, sequences: Sequence[np.ndarray], decision: str
    ) -> Answers:
        """Answer for clips; each frame is embedded once.

        Parameters
        ----------
        frames : FrameSource
            From :meth:`frames`.
        sequences : sequence of ndarray, shape (W, N), int64
            For each clip, its windows as rows of the store; W may be 0. With ``whole_clip`` one
            sequence of all its frames, (1, T).
        decision : str
            See :func:`microexpr.training.trained.decide`.
        """
        n_classes = self.classifier.settings["n_classes"]
        probabilities = np.full((len(sequences), n_classes), np.nan)
        predicted = np.full(len(sequences), -1)
        counts = np.array([len(windows) for windows in sequences])
        if counts.any():
            for clip, logits in enumerate(self.logits(frames, sequences)):
                if len(logits):
                    last_frames = sequences[clip][:, -1]
                    probabilities[clip], predicted[clip] = decide(logits, last_frames, decision)
        return Answers(probabilities, predicted, counts)

    @torch.no_grad()
    def logits(self, frames: FrameSource, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Look at windows; parameters as :meth:`answer`, of which at least one holds a window.

        Returns
        -------
        list of ndarray, shape (W, K), float32
            For each clip.
        """
        self.classifier.eval()
        if self.fine_tuned is not None:
            self.fine_tuned.eval()
        rows = np.unique(np.concatenate([windows.ravel() for windows in sequences]))
        # In chunks: a fold may test half of the data set.
        chunks = torch.from_numpy(rows).split(TEST_FRAMES)
        embedded = torch.cat([self.classifier.embed(frames(chunk)) for chunk in chunks])
        at = [torch.from_numpy(np.searchsorted(rows, w)).to(embedded.device) for w in sequences]
        # Sequences of one length go through the LSTM together, whichever clip they belong to.
        together = len({windows.shape[1] for windows in at}) == 1
        found = [
            self.classifier.classify(embedded, chunk)
            for group in ([torch.cat(at)] if together else at)
            for chunk in group.split(TEST_WINDOWS)
        ]
        ends = np.cumsum([len(windows) for windows in at])[:-1]
        return np.split(torch.cat(found).cpu().numpy(), ends)

    def save(self, path: str | os.PathLike[str], **information: Any) -> None:
        """Write a safetensors file: statistics, new layers and retrained blocks.

        Parameters
        ----------
        path : path-like
            The file.
        **information : str, numbers, lists or dicts
            Settings to find again in its header, such as ``n`` and ``labels``.
        """
        tensors = {
            "transform.shift": self.transform.shift,
            "transform.scale": self.transform.scale,
        }
        tensors |= {f"classifier.{k}": v for k, v in self.classifier.state_dict().items()}
        header = {
            **information,
            "format": FORMAT,
            "difference": self.transform.difference,
            "classifier": self.classifier.settings,
        }
        if self.fine_tuned is not None:
            tensors |= {f"fine_tuned.{k}": v for k, v in self.fine_tuned.trained().items()}
            header["cut"] = self.fine_tuned.cut
            header["weights_sha256"] = self.fine_tuned.backbone.weights_sha256
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        about = {"microexpr": json.dumps(header, sort_keys=True)}
        write_bytes(path, safetensors.torch.save(tensors, about))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], backbone: Backbone | None = None
    ) -> tuple[TrainedModel, dict[str, Any]]:
        """Read a file of :meth:`save`; return the model, on the CPU, and the header.

        Parameters
        ----------
        path : path-like
            The file.
        backbone : Backbone, optional
            With the weights that training started from; needed where blocks were retrained.

        Raises
        ------
        WeightsError
            When the file is not one of these, or needs another backbone.
        """
        header = read_header(path)
        tensors = safetensors.torch.load_file(path)
        transform = FeatureTransform(
            header["difference"], tensors["transform.shift"], tensors["transform.scale"]
        )
        classifier = WindowClassifier(**header["classifier"])
        classifier.load_state_dict(_under("classifier.", tensors))
        fine_tuned = _fine_tuned(path, header, tensors, backbone) if "cut" in header else None
        return cls(transform, classifier, fine_tuned), header


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :meth:`TrainedModel.save` wrote beside the tensors.

    Raises
    ------
    WeightsError
        When the file is not one of these.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get("microexpr", "{}"))
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path}: not a readable model ({error})") from None
    if header.get("format") != FORMAT:
        raise WeightsError(f"{path}: format {header.get('format')}, wanted {FORMAT}")
    return header


def _fine_tuned(
    path: str | os.PathLike[str],
    header: dict[str, Any],
    tensors: dict[str, Tensor],
    backbone: Backbone | None,
) -> FineTunedBlocks:
    found = backbone and backbone.weights_sha256
    if found != header["weights_sha256"]:
        raise WeightsError(
            f"{path}: blocks above B{header['cut']} were retrained from weights "
            f"{header['weights_sha256'][:12]}, got {found and found[:12]}"
        )
    fine_tuned = FineTunedBlocks(backbone, header["cut"])
    fine_tuned.restore(_under("fine_tuned.", tensors))
    return fine_tuned


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
