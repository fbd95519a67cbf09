"""Magnification of clips in parts, and as section ``magnify`` says: as a whole, or in parts.

Causal filters carry their state from chunk to chunk. The others look ahead: they see overlapping
windows that are not referred to the clip's first frame, so slow changes below the passband's low
edge pass a little differently.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice, tee
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import torch

from microexpr.config.preprocessing import Motion
from microexpr.errors import ConfigError, DataError
from microexpr.magnify import arguments
from microexpr.magnify.arguments import ArrayT, alphas_of, as_tensor, checked, in_kind
from microexpr.magnify.clip import Magnifier, luma, magnified
from microexpr.magnify.methods import METHODS
from microexpr.magnify.motion_field import NOISE_FRAMES
from microexpr.magnify.operator import ChunkFilter
from microexpr.magnify.temporal import (
    CAUSAL,
    FilterGain,
    Passband,
    check_passband,
    filter_gain,
    filter_matrix,
    filtering_of,
    separated,
)

if TYPE_CHECKING:
    import h5py

WHOLE_FRAMES = 512  # up to this length a clip is magnified as a whole: 1.6 GB with PMM at 224 px
BLOCK = 32  # frames read and returned at a time
CHUNK_FRAMES = 16  # of causal filters
PERIODS = 2  # of the passband's low edge in a window of the others
LEAST_WINDOW = 32
ItemT = TypeVar("ItemT")


class Parts(NamedTuple):
    """How a long clip is cut."""

    frames: int
    overlap: int  # frames shared with the part before; 0 where a filter's state is carried on

    def __str__(self) -> str:
        if self.overlap:
            return f"windows of {self.frames} frames, {self.overlap} shared with the one before"
        return f"chunks of {self.frames} frames, the filter's state carried on"


def parts_of(
    temporal_filter: str, fps: float, passband_hz: Passband, *, most: int | None = None
) -> Parts:
    """Return how a clip is cut for a filter; a window has at most `most` frames."""
    if temporal_filter in CAUSAL or passband_hz is None:
        return Parts(CHUNK_FRAMES, 0)
    window = max(LEAST_WINDOW, math.ceil(PERIODS * fps / passband_hz[0]))
    window = min(window, most or window)
    return Parts(window, window // 2)


def magnified_luma(
    items: Iterable[ItemT],
    luma_of: Callable[[ItemT], torch.Tensor],
    *,
    alphas: Sequence[float],
    **options: Any,
) -> Iterator[tuple[ItemT, list[torch.Tensor]]]:
    """Magnify the luma, (H, W) float32, of a stream of any items; options as of :func:`stream`.

    Yield each item, which is held until then, with a result for each alpha.
    """
    waiting: deque[ItemT] = deque()

    def lumas() -> Iterator[torch.Tensor]:
        for item in items:
            waiting.append(item)
            yield luma_of(item)

    branches = zip(tee(lumas(), len(alphas)), alphas, strict=True)
    streams = [stream(branch, alpha=alpha, **options) for branch, alpha in branches]
    for results in zip(*streams, strict=True):
        yield waiting.popleft(), list(results)


def stream(
    frames: Iterable[ArrayT],
    *,
    method: str,
    alpha: float,
    n_frames: int | None = None,
    parts: Parts | None = None,
    device: Any = None,
    dtype: Any = None,
    **options: Any,
) -> Iterator[ArrayT]:
    """Magnify frames (H, W) or (H, W, 3), one by one; as many come out as go in, in their kind.

    Causal filters (``iir``, which is the default, ``lowpass_difference``, ``reference``) work in
    chunks and give what :func:`.amm` or :func:`.pmm` give for the whole clip. With the others,
    overlapping windows are magnified one by one (``anchored=False``) and blended linearly. The
    reference frame is the first. Options and errors are those of the method, whose row has a
    ``stream``, on a clip; `parts` are by default those of :func:`parts_of`: larger chunks are
    faster and need more memory. `n_frames` is the length of the clip, where it is known: a causal
    filter's `normalise_gain` needs it in clips of less than two periods of the low edge.
    """
    checked({"method": method, "alpha": alpha, "n_frames": n_frames, "parts": parts}, stream)
    if not METHODS[method].stream:
        raise ConfigError(f"method: {method} magnifies whole clips only")
    kind: Callable[..., Magnifier] = METHODS.load(method, "stream")
    (factor,), _ = alphas_of(alpha)
    options = checked(options, filter_matrix, kind)
    filtering, rest = separated({"temporal_filter": "iir", "order": 1, **options})
    if filtering.pop("reference_frame", 0):
        raise ConfigError("magnify.reference_frame: a stream refers to its first frame, 0")
    temporal_filter, passband_hz = filtering["temporal_filter"], filtering.get("passband_hz")
    if temporal_filter != "reference":
        passband_hz = check_passband(filtering["fps"], passband_hz, temporal_filter=temporal_filter)
    parts = parts or parts_of(temporal_filter, filtering["fps"], passband_hz)
    if not 0 <= parts.overlap < parts.frames:
        raise ConfigError(f"{parts}: the overlap must lie between 0 and {parts.frames - 1} frames")
    first: list[ArrayT] = []
    taken = _checked(frames, first, device=device, dtype=dtype)
    if temporal_filter in CAUSAL:
        operator_of = partial(ChunkFilter, filtering, n_frames=n_frames)
        found = _in_chunks(taken, parts.frames, partial(kind, **rest), operator_of, alpha=factor)
    else:
        options = {**filtering, **rest, "anchored": False}
        found = _in_windows(taken, parts, partial(magnified, kind=kind, alpha=factor, **options))
    return (in_kind(result, first[0]) for result in found)


def _checked(frames: Iterable[Any], first: list[Any], **place: Any) -> Iterator[torch.Tensor]:
    """Yield frames as floats in 0..1; note the first, as it was given, in a list."""
    shape = None
    for number, frame in enumerate(frames):
        tensor = as_tensor(frame)
        clip = tensor[None] if isinstance(tensor, torch.Tensor) else frame
        (values,) = arguments.in_unit_range(clip, first_frame=number, **place)
        if not first:
            first.append(frame)
        shape = shape or values.shape
        if values.shape != shape:
            found = f"{tuple(values.shape)}, the first {tuple(shape)}"
            raise DataError(f"frame {number} has the shape {found}")
        yield values


def _in_windows(
    frames: Iterable[torch.Tensor], parts: Parts, magnify: Callable[..., torch.Tensor]
) -> Iterator[torch.Tensor]:
    """Magnify windows of the same length, the last one too: it reaches further back."""
    (window, overlap), source = parts, iter(frames)
    clip: torch.Tensor | None = None
    pending: torch.Tensor | None = None
    while fresh := list(islice(source, window if clip is None else window - overlap)):
        n_fresh = len(fresh)
        if clip is not None:
            fresh = [*clip[len(clip) - window + n_fresh :], *fresh]
        clip = torch.stack(fresh)
        fresh.clear()
        result = magnify(clip)
        if pending is not None:
            result = result[-n_fresh - len(pending) :]
            share = torch.arange(1, len(pending) + 1).to(result) / (len(pending) + 1)
            share = share.view(-1, *[1] * (result.ndim - 1))
            result[: len(pending)] = torch.lerp(pending, result[: len(pending)], share)
        ready = max(0, len(result) - overlap)
        yield from result[:ready]
        pending = result[ready:]
    if pending is not None:
        yield from pending


@torch.no_grad()
def _in_chunks(
    frames: Iterable[torch.Tensor],
    n_frames: int,
    kind: Callable[[torch.Tensor], Magnifier],
    operator_of: Callable[[torch.Tensor], ChunkFilter],
    *,
    alpha: float,
) -> Iterator[torch.Tensor]:
    """Magnify chunk after chunk against the first frame."""
    magnifier, source = None, iter(frames)
    first = max(n_frames, NOISE_FRAMES)  # a method may measure noise in its first frames
    while fresh := list(islice(source, n_frames if magnifier else first)):
        chunk = torch.stack(fresh)
        fresh.clear()
        if magnifier is None:
            operator, magnifier = operator_of(chunk[:0]), kind(luma(chunk[:1])[0])
        (result,) = magnifier.run(chunk, operator, [alpha])
        yield from result


def magnified_pixels(
    pixels: np.ndarray, *, fps: float, settings: Motion, method: str, device: str = "cpu"
) -> np.ndarray:
    """Magnify one clip, (T, y, x, 3) uint8, as a whole; MicroexprError: no filter for it."""
    images = torch.from_numpy(pixels).to(device).float() / 255
    magnify = METHODS.load(method, "function")
    return _to_pixels(magnify(images, alpha=settings.alpha, **options_of(settings, fps, method)))


def options_of(settings: Motion, fps: float, method: str) -> dict[str, Any]:
    """Return the options of a method but alpha, as section ``magnify`` gives them."""
    return {**filtering_of(settings, fps), **settings.own(METHODS[method].section)}


def clip_gain(n_frames: int, settings: Motion, fps: float) -> FilterGain:
    """Return what the filter leaves of motions in a clip; a longer one is cut."""
    return filter_gain(min(n_frames, WHOLE_FRAMES), **filtering_of(settings, fps))


def long_clip_parts(n_frames: int, settings: Motion, fps: float, method: str) -> Parts | None:
    """Return how a clip is cut; None where it is magnified as a whole."""
    if n_frames <= WHOLE_FRAMES or not METHODS[method].stream:
        return None
    if settings.reference_frame:
        raise ConfigError(
            f"magnify.reference_frame: {settings.reference_frame} needs the whole clip, and "
            f"{n_frames} frames are magnified in parts (more than {WHOLE_FRAMES}); choose 0"
        )
    return parts_of(settings.temporal_filter, fps, settings.passband_hz, most=WHOLE_FRAMES)


def magnified_parts(
    images: h5py.Dataset | np.ndarray,
    parts: Parts,
    *,
    fps: float,
    settings: Motion,
    method: str,
    device: str = "cpu",
) -> Iterator[np.ndarray]:
    """Magnify the luma of a long clip, (T, y, x, 3) uint8, in parts; yield up to 32 frames each."""
    start, n_frames = _colours(images[0], device), len(images)
    options = options_of(settings, fps, method) | {"method": method, "parts": parts}
    options |= {"n_frames": n_frames, "alphas": [settings.alpha]}
    frames = (image for row in range(0, n_frames, BLOCK) for image in images[row : row + BLOCK])

    def added(image: np.ndarray, magnified: torch.Tensor) -> np.ndarray:
        colours = _colours(image, device)
        change = (magnified - luma(colours))[..., None]
        return _to_pixels((start if METHODS[method].control else colours) + change)

    lumas = magnified_luma(frames, lambda image: luma(_colours(image, device))[0], **options)
    done = (added(image, grey) for image, (grey,) in lumas)
    while block := list(islice(done, BLOCK)):
        yield np.concatenate(block)


def _to_pixels(clip: torch.Tensor) -> np.ndarray:
    """Round values in 0..1 to 8 bits; the tensor is used up."""
    return clip.clamp_(0, 1).mul_(255).round_().to(torch.uint8).cpu().numpy()


def _colours(image: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(image).to(device).float()[None] / 255
