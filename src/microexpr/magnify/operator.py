"""Temporal filters applied to tensors: of a whole clip, or chunk by chunk.

Frames are mixed into *maps*, and maps into filtered frames. What is linear and acts on each frame
alike may run on the maps, of which a filter of low rank has few. The phase stage makes its frames a
block at a time, so maps are collected.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import signal

from microexpr.magnify.temporal import Filtering, Matrix, divisor, sections_of

COLUMNS = 4096  # of one in-place product: T * COLUMNS values stay in the processor's cache
BLOCK_COEFFICIENTS, GPU_BLOCK_COEFFICIENTS = 1 << 17, 1 << 25


def block_frames(size: int, device: torch.device) -> int:
    """Return how many frames of `size` coefficients are in one block."""
    most = BLOCK_COEFFICIENTS if device.type == "cpu" else GPU_BLOCK_COEFFICIENTS
    return max(1, most // size)


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
    """Return memory with undefined content, in the dtype and on the device of a tensor."""
    # On a processor numpy's has large pages: torch's, of 4 kB, are slow on first use.
    if like.device.type != "cpu":
        return like.new_empty(shape)
    return torch.from_numpy(np.empty(shape, torch.empty(0, dtype=like.dtype).numpy().dtype))


def low_rank(matrix: Matrix, *, tolerance: float = 1e-6) -> tuple[Matrix, Matrix]:
    """Return factors L (T, r) and R (r, T) with ``L @ R`` equal to the matrix."""
    left, values, right = np.linalg.svd(matrix)
    rank = int((values > tolerance * values[0]).sum()) if values[0] > 0 else 0
    return left[:, :rank] * values[:rank], right[:rank]


class ClipFilter:
    """The matrix M of :func:`microexpr.magnify.temporal.filter_matrix` on the device of a tensor.

    The maps are the r components ``R x`` where ``M = L R`` has at most half the rank that T frames
    allow, else the filtered frames themselves.
    """

    def __init__(self, matrix: Matrix, like: torch.Tensor) -> None:
        left, right = low_rank(matrix)
        self.like = like[:0]
        self.low_rank = 2 * left.shape[1] <= len(matrix)
        self.noise = 1.0 if self.low_rank else 2.0  # variance of a map at most; a frame's is 1
        self.left, self.right, self.matrix = (as_tensor(m, like) for m in (left, right, matrix))

    def maps(self, signal: torch.Tensor) -> torch.Tensor:
        """Return what is filtered further of a signal (T, size): maps (r, size), or itself."""
        return self.right @ signal if self.low_rank else signal

    def mixed(self, maps: torch.Tensor, frames: slice) -> torch.Tensor:
        """Return some filtered frames (k, size) from what `maps` returned."""
        return (self.left if self.low_rank else self.matrix)[frames] @ maps

    def add(self, base: torch.Tensor, maps: torch.Tensor, *, out: torch.Tensor) -> None:
        """Write the sum of frames (T, size) and all filtered frames to `out`."""
        torch.addmm(base, self.left if self.low_rank else self.matrix, maps, out=out)

    def start(self, n_frames: int, size: int) -> torch.Tensor:
        """Return maps (r, size) of zeros, or memory for all frames (n_frames, size)."""
        if self.low_rank:
            return self.right.new_zeros((len(self.right), size))
        return self.like.new_empty((n_frames, size))

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
        """Return some filtered frames (k, size) from what `finish` returned."""
        return self.left[frames] @ maps if self.low_rank else maps[frames]


class ChunkFilter(ClipFilter):
    """A causal filter that continues from chunk to chunk of a clip, one of ``CAUSAL``.

    It gives what the matrices of the whole clip would for signals that are zero in frame 0. Each
    signal keeps 2 * order values of state. `n_frames`: of the clip, where it is known.
    """

    def __init__(
        self, filtering: Filtering, like: torch.Tensor, n_frames: int | None = None
    ) -> None:
        self.low_rank, self.noise, self.like = False, 2.0, like
        self.sections: Matrix | None = None
        kind = filtering["temporal_filter"]
        if kind != "reference":
            fps, passband_hz = filtering["fps"], filtering["passband_hz"]
            order = filtering["order"]
            self.sections = sections_of(kind, order, fps=fps, passband_hz=passband_hz)
        self.scale = 1 / divisor(n_frames, **filtering) if filtering.get("normalise_gain") else 1.0
        self.first: torch.Tensor | None = None
        self.states: dict[object, torch.Tensor] = {}
        self.matrices: dict[int, tuple[torch.Tensor, ...]] = {}

    def maps(self, signal: torch.Tensor) -> torch.Tensor:
        """Return the filtered difference (T, size) of a chunk to the first frame of all."""
        if self.first is None:
            self.first = signal[:1].clone()
        return self.finish(signal - self.first)

    def mixed(self, maps: torch.Tensor, frames: slice) -> torch.Tensor:
        """Return some filtered frames (k, size) from what `maps` returned."""
        return maps[frames]

    def add(self, base: torch.Tensor, maps: torch.Tensor, *, out: torch.Tensor) -> None:
        """Write the sum of frames (T, size) and all filtered frames to `out`."""
        torch.add(base, maps, out=out)

    def finish(self, maps: torch.Tensor, key: object = None) -> torch.Tensor:
        """Return the filtered chunk (T, size); the state of signal `key` advances."""
        if self.sections is None:
            return maps
        if len(maps) not in self.matrices:
            self.matrices[len(maps)] = self._chunk_matrices(len(maps))
        from_input, from_state, input_to_state, state_to_state = self.matrices[len(maps)]
        state = self.states.get(key)
        if state is None:
            state = maps.new_zeros((len(state_to_state), maps.shape[1]))
        self.states[key] = torch.addmm(input_to_state @ maps, state_to_state, state)
        return torch.addmm(from_input @ maps, from_state, state)

    def _chunk_matrices(self, n_frames: int) -> tuple[torch.Tensor, ...]:
        """Return responses of output and final state to unit inputs and unit initial states."""
        assert self.sections is not None
        n_states = 2 * len(self.sections)
        rest, unit = np.zeros((len(self.sections), 2, n_frames)), np.eye(n_states)
        inputs, silence = np.eye(n_frames), np.zeros((n_frames, n_states))
        states = unit.reshape(len(self.sections), 2, n_states)
        from_input, to_state = signal.sosfilt(self.sections, inputs, axis=0, zi=rest)
        from_state, kept = signal.sosfilt(self.sections, silence, axis=0, zi=states)
        outputs = from_input * self.scale, from_state * self.scale
        found = *outputs, to_state.reshape(n_states, -1), kept.reshape(n_states, -1)
        return tuple(as_tensor(matrix, self.like) for matrix in found)


def as_tensor(matrix: Matrix, like: torch.Tensor) -> torch.Tensor:
    """Return a matrix on the device and in the dtype of a tensor."""
    return torch.from_numpy(matrix.copy()).to(like)
