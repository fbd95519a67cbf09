"""Temporal filters applied to tensors: of a whole clip, or chunk by chunk.

Filtering is split in two: frames are mixed into *maps*, and maps into filtered frames. Any stage
that is linear and acts on each frame alike may run on the maps in between, of which a filter of low
rank has few. The phase stage makes its frames a block at a time, so maps are collected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from scipy import signal

from microexpr.magnify.temporal import Matrix, TemporalFilter, butterworth_sections

BLOCK_COEFFICIENTS = {"cpu": 1 << 17, "cuda": 1 << 25}


def block_frames(size: int, device: torch.device) -> int:
    """Return how many frames of `size` coefficients are in one block."""
    kind = "cpu" if device.type == "cpu" else "cuda"
    return max(1, BLOCK_COEFFICIENTS[kind] // size)


def blocks(n_frames: int, step: int) -> list[slice]:
    """Return slices of at most `step` frames."""
    return [slice(start, min(start + step, n_frames)) for start in range(0, n_frames, step)]


class Workspace:
    """Scratch memory of one block, allocated once."""

    def __init__(self, like: torch.Tensor, coefficients: int) -> None:
        self.complex = like.new_empty(coefficients)
        self.first, self.second = like.real.new_empty((2, coefficients))

    def views(self, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return a complex and two real tensors of this shape, with undefined content."""
        n = math.prod(shape)
        return self.complex[:n].view(shape), self.first[:n].view(shape), self.second[:n].view(shape)


def fresh(shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """Return memory with undefined content, in the dtype and on the device of a tensor.

    On a processor it is numpy's, which asks the system for large pages: the 4 kB pages of torch's
    memory take longer on first use than much of the computation.
    """
    if like.device.type != "cpu":
        return like.new_empty(shape)
    return torch.from_numpy(np.empty(shape, torch.empty(0, dtype=like.dtype).numpy().dtype))


COLUMNS = 4096  # of one in-place product: T * COLUMNS values stay in the processor's cache


def low_rank(matrix: Matrix, *, tolerance: float = 1e-6) -> tuple[Matrix, Matrix]:
    """Return factors L (T, r) and R (r, T) with ``L @ R`` equal to the matrix.

    Singular values below `tolerance` times the largest are dropped. An ideal band with m
    frequencies has rank m (mirrored) or 2 m (periodic); Butterworth filters have nearly full rank.
    """
    left, values, right = np.linalg.svd(matrix)
    rank = int((values > tolerance * values[0]).sum()) if values[0] > 0 else 0
    return left[:, :rank] * values[:rank], right[:rank]


class TemporalOperator(Protocol):
    """A filter of the phase stage."""

    def start(self, n_frames: int, size: int) -> torch.Tensor:
        """Return maps of a signal (n_frames, size) of which nothing has been collected."""
        ...

    def collect(self, maps: torch.Tensor, frames: slice, values: torch.Tensor) -> None:
        """Take some frames (k, size) of the signal; each frame once."""
        ...

    def finish(self, maps: torch.Tensor, key: object) -> torch.Tensor:
        """Return the maps of the whole signal, perhaps in their memory; `key` names the signal."""
        ...

    def frames(self, maps: torch.Tensor, frames: slice) -> torch.Tensor:
        """Return some of the filtered frames, (k, n)."""
        ...


class ClipFilter:
    """The matrix M of :func:`microexpr.magnify.temporal.filter_matrix` on the device of a tensor.

    The maps are the r components ``R x`` where ``M = L R`` has at most half the rank that T frames
    allow, else the filtered frames themselves.
    """

    def __init__(self, matrix: Matrix, like: torch.Tensor) -> None:
        left, right = low_rank(matrix)
        self.low_rank = 2 * left.shape[1] <= len(matrix)
        self.left, self.right, self.matrix = (_tensor(m, like) for m in (left, right, matrix))

    def maps(self, signal: torch.Tensor) -> torch.Tensor:
        """Return what is filtered further of a signal (T, size): maps (r, size), or itself."""
        return self.right @ signal if self.low_rank else signal

    def start(self, n_frames: int, size: int) -> torch.Tensor:
        """Return maps (r, size) of zeros, or memory for all frames (n_frames, size)."""
        if self.low_rank:
            return self.right.new_zeros((len(self.right), size))
        return self.right.new_empty((n_frames, size))

    def collect(self, maps: torch.Tensor, frames: slice, values: torch.Tensor) -> None:
        """Take some frames (k, size) of the signal, each once."""
        if self.low_rank:
            maps.addmm_(self.right[:, frames], values)
        else:
            maps[frames] = values

    def finish(self, maps: torch.Tensor, key: object = None) -> torch.Tensor:
        """Return the maps (r, size), or all filtered frames (n_frames, size) in their memory."""
        if not self.low_rank:
            for part in maps.split(COLUMNS, dim=1):
                part.copy_(self.matrix @ part)
        return maps

    def frames(self, maps: torch.Tensor, frames: slice) -> torch.Tensor:
        """Return some of the filtered frames, (k, n), from the maps."""
        return self.left[frames] @ maps if self.low_rank else maps[frames]


class ChunkFilter:
    """A causal filter that continues from chunk to chunk of a clip, ``iir`` or ``reference``.

    It expects signals that are zero in frame 0 and gives what the matrices of the whole clip would.
    Each signal keeps 2 * order values of state, in one matrix product with the chunk. `like` is a
    tensor of the device and dtype; other parameters as for
    :func:`microexpr.magnify.temporal.filter_matrix`.
    """

    def __init__(
        self,
        temporal_filter: TemporalFilter,
        *,
        fps: float,
        passband_hz: tuple[float, float],
        order: int,
        like: torch.Tensor,
    ) -> None:
        self.like = like
        self.sections: Matrix | None = None
        if temporal_filter == "iir":
            self.sections = butterworth_sections(order, fps=fps, passband_hz=passband_hz)
        self.states: dict[object, torch.Tensor] = {}
        self.matrices: dict[int, tuple[torch.Tensor, ...]] = {}

    def start(self, n_frames: int, size: int) -> torch.Tensor:
        """Return memory for the chunk's frames, (n_frames, size)."""
        return self.like.new_empty((n_frames, size))

    def collect(self, maps: torch.Tensor, frames: slice, values: torch.Tensor) -> None:
        """Take some frames (k, size) of the chunk."""
        maps[frames] = values

    def finish(self, maps: torch.Tensor, key: object = None) -> torch.Tensor:
        """Return the filtered chunk; the state of signal `key` advances."""
        return self.filtered(maps, key)

    def filtered(self, values: torch.Tensor, key: object = None) -> torch.Tensor:
        """Return the filtered chunk (T, n); the state of signal `key` advances."""
        if self.sections is None:
            return values
        n_frames = len(values)
        if n_frames not in self.matrices:
            self.matrices[n_frames] = self._chunk_matrices(n_frames)
        from_input, from_state, input_to_state, state_to_state = self.matrices[n_frames]
        state = self.states.get(key)
        if state is None:
            state = values.new_zeros((len(state_to_state), values.shape[1]))
        self.states[key] = torch.addmm(input_to_state @ values, state_to_state, state)
        return torch.addmm(from_input @ values, from_state, state)

    def frames(self, maps: torch.Tensor, frames: slice) -> torch.Tensor:
        """Return some frames of the filtered chunk."""
        return maps[frames]

    def _chunk_matrices(self, n_frames: int) -> tuple[torch.Tensor, ...]:
        """Return responses of output and final state to unit inputs and unit initial states."""
        assert self.sections is not None
        n_sections = len(self.sections)
        n_states = 2 * n_sections
        rest, inputs = np.zeros((n_sections, 2, n_frames)), np.eye(n_frames)
        from_input, input_to_state = signal.sosfilt(self.sections, inputs, axis=0, zi=rest)
        unit = np.eye(n_states).reshape(n_sections, 2, n_states)
        silence = np.zeros((n_frames, n_states))
        from_state, state_to_state = signal.sosfilt(self.sections, silence, axis=0, zi=unit)
        input_to_state = input_to_state.reshape(n_states, n_frames)
        state_to_state = state_to_state.reshape(n_states, n_states)
        found = (from_input, from_state, input_to_state, state_to_state)
        return tuple(_tensor(matrix, self.like) for matrix in found)


def _tensor(matrix: Matrix, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(matrix.copy()).to(like)
