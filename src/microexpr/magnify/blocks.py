"""Blocks of frames that fit the processor's cache, and scratch memory for one of them."""

from __future__ import annotations

import math

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
