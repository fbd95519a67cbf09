"""The networks that are trained: window classifier, and fine-tuned blocks below it.

Windows overlap: with N = 14 and every step, a frame is in up to 40 windows. The embedding and the
fine-tuned blocks depend on one frame only, so they run once per frame and windows gather their
output by index. The gradient is the sum over the windows that use a frame, exactly as if each
window had been fed separately.
"""

from __future__ import annotations

import copy
import hashlib
import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from microexpr.backbones import Backbone


class ByteDropout(nn.Module):
    """Dropout whose mask costs one random byte per element.

    ``nn.Dropout`` draws a float per element on one thread and takes most of a training step on
    1024 pooled features. The `rate`, 0 to below 1, is rounded to a multiple of 1/256; the scale is
    that of the rounded rate, so the expectation is exact.
    """

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

    Parameters
    ----------
    channels, n_classes : int
        Features per frame, C; number of classes, K.
    embed, hidden : int
        Width of a frame's embedding, and of the LSTM in each direction.
    dropout : float
        Rate before the embedding and before the classifier.
    readout : {"both_ends", "last_step", "mean"}
        ``both_ends``: each direction after its last frame. ``last_step``: both directions at the
        last frame, as in the authors' 2020 code; the backward one has seen that frame only.
        ``mean``: over the frames.
    head : {"bilstm", "frame_fc"}
        ``frame_fc``: no recurrence. Each frame is a training example of its own, and a window gets
        the mean of its frames' probabilities (the poster's "fully-connected layer").
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
        self.n_classes = n_classes
        self.settings: dict[str, int | float | str] = {
            "channels": channels,
            "n_classes": n_classes,
            "embed": embed,
            "hidden": hidden,
            "dropout": dropout,
            "readout": readout,
            "head": head,
        }
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
        """Return the training examples of windows (W, N) and their clips (W,), both int64.

        They are the windows themselves, or with ``frame_fc`` each of their frames, (W * N, 1).
        """
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
        if self.settings["readout"] == "mean":
            return self.classifier(states.mean(1))
        if self.settings["readout"] == "last_step":
            return self.classifier(states[:, -1])
        hidden = self.lstm.hidden_size
        ends = torch.cat([states[:, -1, :hidden], states[:, 0, hidden:]], 1)
        return self.classifier(ends)


class FineTunedBlocks(nn.Module):
    """Copy of a backbone that takes cached maps to pooled features and is trained with the rest.

    Only the parameters of the blocks above the cut receive gradients. The backbone keeps its
    BatchNorm statistics frozen, so frames do not influence one another.

    Parameters
    ----------
    backbone, cut : Backbone, int
        Network, which is copied, and its last frozen block, below ``backbone.n_blocks``.
    """

    def __init__(self, backbone: Backbone, cut: int) -> None:
        super().__init__()
        self.cut = cut
        self.backbone = copy.deepcopy(backbone).requires_grad_(False)
        for parameter in self.backbone.retrained_parameters(cut):
            parameter.requires_grad_(True)

    def tuned_parameters(self) -> dict[str, nn.Parameter]:
        """Return the parameters of the blocks above the cut, by name: all that training changes."""
        return {k: p for k, p in self.backbone.named_parameters() if p.requires_grad}

    def digest(self) -> str:
        """Return a checksum of the cut and of all weights."""
        digest = hashlib.sha256(f"{self.cut}\n".encode())
        for name, tensor in self.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    @torch.no_grad()
    def restore(self, tuned: dict[str, Tensor]) -> None:
        """Copy values of :meth:`tuned_parameters` into the blocks."""
        for name, parameter in self.tuned_parameters().items():
            parameter.copy_(tuned[name])

    def forward(self, maps: Tensor) -> Tensor:
        """Take maps (F, C, h, w), float16 or float32, to pooled features (F, C'), float32."""
        return self.backbone.back(maps, self.cut)
