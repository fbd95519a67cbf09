"""Blocks of frames that fit the processor's cache, and scratch memory for one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

BLOCK_COEFFICIENTS = {"cpu": 1 << 17, "cuda": 1 << 25}


def block_frames(size: int, device: torch.device) -> int:
    """Frames of `size` coefficients that one block holds."""
    kind = "cpu" if device.type == "cpu" else "cuda"
    return max(1, BLOCK_COEFFICIENTS[kind] // size)


def blocks(n_frames: int, step: int) -> list[slice]:
    """Slices of at most `step` frames."""
    return [slice(start, min(start + step, n_frames)) for start in range(0, n_frames, step)]


class Workspace:
    """Scratch memory of one block, allocated once."""

    def __init__(self, like: torch.Tensor, coefficients: int) -> None:
        self.complex = like.new_empty(coefficients)
        self.first, self.second = like.real.new_empty((2, coefficients))

    def views(self, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A complex and two real tensors of this shape, with undefined content."""
        n = math.prod(shape)
        return self.complex[:n].view(shape), self.first[:n].view(shape), self.second[:n].view(shape)


def fresh(shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """Memory with undefined content, in the dtype and on the device of a tensor.

    On a processor it is numpy's, which asks the system for large pages: the 4 kB pages of torch's
    memory cost more on first use than much of what is computed on them.
    """
    if like.device.type != "cpu":
        return like.new_empty(shape)
    return torch.from_numpy(np.empty(shape, torch.empty(0, dtype=like.dtype).numpy().dtype))
