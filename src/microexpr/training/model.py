"""The recurrent classifier on gathered windows, and the retrained blocks below it.

Windows overlap: N = 14 with every step sees a frame up to 40 times. The embedding and the retrained
blocks depend on one frame only, so they run once a frame and windows gather their output by index.
The gradient is the sum over the windows that use a frame, exactly as if each window had been fed
separately.
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
    """Dropout whose mask costs one random byte an element.

    ``nn.Dropout`` draws each element's float on one thread and takes most of a training step on
    1024 pooled features. The rate is rounded to a multiple of 1/256; the scale is that of the
    rounded rate, so the expectation is exact.

    Parameters
    ----------
    rate : float
        Share of elements that become zero, 0 to below 1.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.zeros = min(round(rate * 256), 255)

    def forward(self, x: Tensor) -> Tensor:
        """Mask `x` of any shape; the identity in evaluation mode."""
        if not self.training or self.zeros == 0:
            return x
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device)
        bits = words.random_(-(2**63), None).view(torch.uint8)[: x.numel()].view(x.shape)
        return x * bits.ge_(self.zeros).float().mul_(256 / (256 - self.zeros))


class WindowClassifier(nn.Module):
    """Embedding of frames, Bi-LSTM over windows, linear classifier; or without the Bi-LSTM.

    Parameters
    ----------
    channels : int
        Features of a frame, C.
    n_classes : int
        Classes.
    embed : int
        Width of a frame's embedding.
    hidden : int
        Width of the LSTM, each direction.
    dropout : float
        Before the embedding and before the classifier.
    readout : {"both_ends", "last_step", "mean"}
        ``both_ends``: each direction after its last frame. ``last_step``: both directions at the
        last frame, as in the authors' 2020 code; the backward one has seen that frame only.
        ``mean``: over the frames.
    head : {"bilstm", "frame_fc"}
        ``frame_fc``: no recurrence. Each frame is an example of its own in training, and a window
        gets the mean of its frames' probabilities (the poster's "fully-connected layer").
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
        """Classify windows.

        Parameters
        ----------
        frames : Tensor, shape (F, C), float32
            Frames that occur in the windows, each once.
        windows : Tensor, shape (W, N), int64
            Indices into `frames`.

        Returns
        -------
        Tensor, shape (W, n_classes), float32
            Logits.
        """
        return self.classify(self.embed(frames), windows)

    def examples(self, windows: Tensor, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Give what is trained on: windows (W, N) and their clips (W,), or each frame alone."""
        if self.lstm is None:
            return windows.reshape(-1, 1), clips.repeat_interleave(windows.shape[1])
        return windows, clips

    def embed(self, frames: Tensor) -> Tensor:
        """Embed frames, (F, C) to (F, embed)."""
        return self.embedding(frames)

    def classify(self, embedded: Tensor, windows: Tensor) -> Tensor:
        """Classify windows (W, N) of embedded frames (F, embed); logits (W, n_classes)."""
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
    """The retrained blocks: a copy of a backbone that takes cached maps to pooled features.

    Only the parameters of the blocks above the cut receive gradients. BatchNorm statistics are
    frozen by the backbone itself, so frames do not influence one another.

    Parameters
    ----------
    backbone : Backbone
        Copied; the original stays as it is.
    cut : int
        Last frozen block, below ``backbone.n_blocks``.
    """

    def __init__(self, backbone: Backbone, cut: int) -> None:
        super().__init__()
        self.cut = cut
        self.backbone = copy.deepcopy(backbone).requires_grad_(False)
        for parameter in self.retrained():
            parameter.requires_grad_(True)

    def retrained(self) -> list[nn.Parameter]:
        """Parameters of the blocks above the cut."""
        return list(self.backbone.retrained_parameters(self.cut))

    def trained(self) -> dict[str, Tensor]:
        """What training changes, by name."""
        return {
            name: parameter
            for name, parameter in self.backbone.named_parameters()
            if parameter.requires_grad
        }

    def digest(self) -> str:
        """Checksum of the cut and of all weights."""
        digest = hashlib.sha256(f"{self.cut}\n".encode())
        for name, tensor in self.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    @torch.no_grad()
    def restore(self, trained: dict[str, Tensor]) -> None:
        """Take over what :meth:`learned` gave."""
        for name, parameter in self.trained().items():
            parameter.copy_(trained[name])

    def forward(self, maps: Tensor) -> Tensor:
        """Take maps (F, C, h, w), float16 or float32, to pooled features (F, C'), float32."""
        return self.backbone.back(maps, self.cut)
