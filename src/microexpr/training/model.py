"""The classifier of windows, its predictions for clips, and the file that keeps it.

Windows overlap: the embedding runs once per frame, and windows gather its output by index. The
gradient is the sum over the windows of a frame, as if each had been fed separately.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor, nn

from microexpr.backbones.base import Backbone
from microexpr.errors import WeightsError, damage
from microexpr.protocol.predictions import ClipPredictions
from microexpr.runtime.files import AnyPath, regular, write_bytes
from microexpr.training.feature_modes import FeatureTransform, FineTunedBlocks, Frames, FrameSource
from microexpr.training.store import FeatureStore


class ByteDropout(nn.Module):
    """Dropout at a `rate` rounded to 1/256: random bytes take less time than floats."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.zeros = min(round(rate * 256), 255)

    def forward(self, x: Tensor) -> Tensor:
        """Mask `x`, float32 of any shape; return it unchanged in evaluation mode."""
        if not self.training or self.zeros == 0:
            return x
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device)
        bits = words.random_(-(2**63), None).view(torch.uint8)[: x.numel()].view(x.shape)
        return x * bits.ge_(self.zeros).float().mul_(256 / (256 - self.zeros))


class WindowClassifier(nn.Module):
    """Embedding of frames, Bi-LSTM over windows, linear classifier; or without the Bi-LSTM.

    What the classifier reads, `readout`: ``both_ends``, each direction after its last frame;
    ``last_step``, both at the last frame, as in the authors' 2020 code (the backward one has seen
    that frame only); ``mean`` over the frames. `head` ``frame_fc`` has no recurrence: each frame is
    a training example, and a window gets the mean of its frames' probabilities (the poster's
    "fully-connected layer").
    """

    def __init__(
        self,
        channels: int,
        n_classes: int,
        *,
        embed: int = 48,
        hidden: int = 32,
        dropout: float = 0.3,
        readout: str = "both_ends",
        head: str = "bilstm",
    ) -> None:
        super().__init__()
        self.n_classes, self.readout = n_classes, readout
        self.settings: dict[str, int | float | str] = {"channels": channels, "n_classes": n_classes}
        self.settings |= {"embed": embed, "hidden": hidden, "dropout": dropout}
        self.settings |= {"readout": readout, "head": head}
        self.embedding = nn.Sequential(
            ByteDropout(dropout), nn.Linear(channels, embed), nn.LayerNorm(embed), nn.ReLU()
        )
        self.lstm = None
        if head == "bilstm":
            self.lstm = nn.LSTM(embed, hidden, batch_first=True, bidirectional=True)
        width = embed if self.lstm is None else 2 * hidden
        self.classifier = nn.Sequential(ByteDropout(dropout), nn.Linear(width, n_classes))

    def forward(self, frames: Tensor, windows: Tensor) -> Tensor:
        """Return logits (W, K) of windows (W, N) int64, indices into `frames` (F, C) float32."""
        return self.classify(self.embed(frames), windows)

    def examples(self, windows: Tensor, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Return the training examples: windows (W, N), or of ``frame_fc`` single frames."""
        if self.lstm is None:
            return windows.reshape(-1, 1), clips.repeat_interleave(windows.shape[1])
        return windows, clips

    def embed(self, frames: Tensor) -> Tensor:
        """Embed frames, (F, C) to (F, embed), float32."""
        return self.embedding(frames)

    def classify(self, embedded: Tensor, windows: Tensor) -> Tensor:
        """Return the logits (W, K) of windows (W, N) of embedded frames (F, embed)."""
        if self.lstm is None:
            single = self.classifier(embedded).log_softmax(1)[windows]
            return single.logsumexp(1) - math.log(windows.shape[1])
        states, _ = self.lstm(embedded[windows])
        if self.readout == "mean":
            return self.classifier(states.mean(1))
        if self.readout == "last_step":
            return self.classifier(states[:, -1])
        hidden = self.lstm.hidden_size
        ends = torch.cat([states[:, -1, :hidden], states[:, 0, hidden:]], 1)
        return self.classifier(ends)


TEST_WINDOWS = 256  # through the LSTM at once
TEST_FRAMES = 256  # through the embedding at once
FORMAT = "microexpr/model 1.0"
UNREADABLE = "not a readable model"


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities, (W, K) float64, of logits (W, K)."""
    shifted = np.exp(logits - logits.max(1, keepdims=True), dtype=np.float64)
    return shifted / shifted.sum(1, keepdims=True)


def decide(logits: np.ndarray, last_frames: np.ndarray, decision: str) -> tuple[np.ndarray, int]:
    """Predict probabilities, (K,) float64, and class of a clip from its windows' logits (W, K).

    ``mean_softmax`` and ``whole_clip``: mean of the windows' probabilities. ``majority``: share of
    windows that vote for a class; ties go to the higher mean. ``last_window``: the window of the
    last of `last_frames`, the densest of several.
    """
    p = softmax(logits)
    mean = p.mean(0)
    if decision == "majority":
        votes = np.bincount(p.argmax(1), minlength=p.shape[1])
        return votes / len(p), int(np.lexsort((mean, votes))[-1])
    if decision == "last_window":
        mean = p[last_frames.argmax()]
    return mean, int(mean.argmax())


@dataclass(frozen=True)
class TrainedModel:
    """A window classifier and what its frames pass before it; the transform is on the CPU."""

    transform: FeatureTransform
    classifier: WindowClassifier
    fine_tuned: FineTunedBlocks | None

    def frames(self, store: FeatureStore) -> Frames:
        """Return the frames of a store of pooled features, or of maps where blocks are trained."""
        device = next(self.classifier.parameters()).device
        return Frames(self.transform, store, self.fine_tuned, device)

    def predict(
        self, frames: FrameSource, sequences: Sequence[np.ndarray], decision: str
    ) -> ClipPredictions:
        """Predict classes by :func:`decide` from clips' windows, rows (W, N) int64; W may be 0."""
        probabilities = np.full((len(sequences), self.classifier.n_classes), np.nan)
        predicted = np.full(len(sequences), -1)
        counts = np.array([len(windows) for windows in sequences])
        for clip, logits in enumerate(self.logits(frames, sequences) if counts.any() else ()):
            if len(logits):
                last_frames = sequences[clip][:, -1]
                probabilities[clip], predicted[clip] = decide(logits, last_frames, decision)
        return ClipPredictions(probabilities, predicted, counts)

    @torch.no_grad()
    def logits(self, frames: FrameSource, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return each clip's logits, (W, K) float32; at least one clip must have a window."""
        self.classifier.eval()
        if self.fine_tuned is not None:
            self.fine_tuned.eval()
        rows = np.unique(np.concatenate([windows.ravel() for windows in sequences]))
        # A few at once: a fold may test half of the data set.
        parts = torch.from_numpy(rows).split(TEST_FRAMES)
        embedded = torch.cat([self.classifier.embed(frames(part)) for part in parts])
        at = [torch.from_numpy(np.searchsorted(rows, w)).to(embedded.device) for w in sequences]
        # Sequences of one length go through the LSTM together, whichever clip they belong to.
        together = len({windows.shape[1] for windows in at}) == 1
        found = [
            self.classifier.classify(embedded, part)
            for group in ([torch.cat(at)] if together else at)
            for part in group.split(TEST_WINDOWS)
        ]
        ends = np.cumsum([len(windows) for windows in at])[:-1]
        return np.split(torch.cat(found).cpu().numpy(), ends)

    def save(self, path: AnyPath, **information: Any) -> None:
        """Write a safetensors file whose header holds `information`, such as ``n=7``."""
        header = {**information, "format": FORMAT, "classifier": self.classifier.settings}
        header |= {"difference": self.transform.difference}
        tensors = {f"transform.{k}": getattr(self.transform, k) for k in ("shift", "scale")}
        tensors |= {f"classifier.{k}": v for k, v in self.classifier.state_dict().items()}
        if self.fine_tuned is not None:
            tuned = self.fine_tuned.tuned_parameters()
            tensors |= {f"fine_tuned.{k}": v for k, v in tuned.items()}
            weights = self.fine_tuned.backbone.weights_sha256
            header |= {"cut": self.fine_tuned.cut, "weights_sha256": weights}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        about = {"microexpr": json.dumps(header, sort_keys=True)}
        write_bytes(path, safetensors.torch.save(tensors, about))

    @classmethod
    def load(
        cls, path: AnyPath, backbone: Backbone | None = None
    ) -> tuple["TrainedModel", dict[str, Any]]:
        """Read a file of :meth:`save` on the CPU; fine-tuned blocks need the first `backbone`."""
        header = read_header(path)
        with damage(WeightsError, f"{path}: {UNREADABLE}"):
            tensors = safetensors.torch.load_file(path)
            shift, scale = tensors["transform.shift"], tensors["transform.scale"]
            transform = FeatureTransform(header["difference"], shift, scale)
            classifier = WindowClassifier(**header["classifier"])
            classifier.load_state_dict(_under("classifier.", tensors))
            tuned, fine_tuned = _under("fine_tuned.", tensors), None
            if tuned or "cut" in header:
                found, wanted = backbone and backbone.weights_sha256, header["weights_sha256"]
                if backbone is None or found != wanted:
                    raise WeightsError(
                        f"{path}: blocks above B{header['cut']} were fine-tuned from weights "
                        f"{wanted[:12]}, got {found and found[:12]}"
                    )
                fine_tuned = FineTunedBlocks(backbone, header["cut"])
                fine_tuned.restore(tuned)
            return cls(transform, classifier, fine_tuned), header


def read_header(path: AnyPath) -> dict[str, Any]:
    """Read the header that :meth:`TrainedModel.save` wrote; raise a WeightsError for others."""
    regular(path, WeightsError)
    with damage(WeightsError, f"{path}: {UNREADABLE}"):
        with safe_open(path, "pt") as file:
            header = dict(json.loads((file.metadata() or {}).get("microexpr", "{}")))
        if header.get("format") != FORMAT:
            raise WeightsError(f"{path}: format {header.get('format')}, wanted {FORMAT}")
        return header


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
