"""What callers give to the functions on arrays: options checked by annotation, arrays of any kind.

Arrays of NumPy and pixels of 8 or 16 bits are taken, and results come in the same kind.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache, wraps
from inspect import signature
from itertools import chain
from typing import Any, TypeVar, cast

import numpy as np
import torch
from pydantic import ConfigDict, TypeAdapter, ValidationError

from microexpr.errors import ConfigError, DataError, brief
from microexpr.runtime.wrong_values import nearest, said

ArrayT = TypeVar("ArrayT", torch.Tensor, np.ndarray)
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
STRICT = ConfigDict(arbitrary_types_allowed=True, strict=True, allow_inf_nan=False)
NUMBER, WHOLE = TypeAdapter(float, config=STRICT), TypeAdapter(int, config=STRICT)
STEPS = {torch.uint8: 255, torch.uint16: 65535}  # of pixels, from black to white
LEAST_SIDE_PX = 8
SLACK = 0.5  # beyond 0..1: what interpolation and noise add; other scales go further


def checked(options: Mapping[str, Any], *takers: Callable[..., Any]) -> dict[str, Any]:
    """Return options in Python's types, each checked by the annotation of what takes it.

    A taker's attribute `takers` names others. ConfigError names what is unknown, missing or wrong.
    """
    accepted, values = _accepted(*takers), {}
    for name, value in options.items():
        if name not in accepted:
            near = nearest(name, accepted) or f"; there are {', '.join(accepted)}"
            raise ConfigError(f"{name}: no such option{near}")
        values[name] = _valid(name, value, accepted[name][0])
    for name, (_, needed) in accepted.items():
        if needed and name not in options:
            raise ConfigError(f"{name}: is needed")
    return values


def checks(function: FunctionT) -> FunctionT:
    """Let a function of a number of frames check this, and its options as :func:`checked` does."""

    @wraps(function)
    def call(n_frames: Any, **options: Any) -> Any:
        return function(_valid("n_frames", n_frames, WHOLE), **checked(options, function))

    return cast(FunctionT, call)


@cache
def _accepted(*takers: Callable[..., Any]) -> dict[str, tuple[TypeAdapter[Any], bool]]:
    """Return how keyword-only parameters of functions are checked, and whether they are needed."""
    found = {}
    for taker in chain(*((taker, *getattr(taker, "takers", ())) for taker in takers)):
        for name, parameter in signature(taker, eval_str=True).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY:
                needed = parameter.default is parameter.empty
                found[name] = TypeAdapter(parameter.annotation, config=STRICT), needed
    return found


def _valid(name: str, value: Any, kind: TypeAdapter[Any]) -> Any:
    try:
        return kind.validate_python(_plain(value))
    except ValidationError as error:
        raise ConfigError(f"{name}{said(error.errors()[0])}") from None


def _plain(value: Any) -> Any:
    """Return numbers and sequences as Python's, and arrays of more axes as tensors."""
    if isinstance(value, (np.ndarray, np.generic, torch.Tensor)) and value.ndim < 2:
        value = value.tolist()
    if isinstance(value, np.ndarray):
        return as_tensor(value)
    return tuple(map(_plain, value)) if type(value) in (list, tuple, range) else value


def alphas_of(alpha: Any) -> tuple[list[float], bool]:
    """Return amplification factors, checked, and whether a sequence of them was given."""
    given = _plain(alpha)
    several = isinstance(given, tuple)
    values = given if several else [given]
    alphas = [_valid("magnify.alpha", value, NUMBER) for value in values]
    if not alphas:
        raise ConfigError("magnify.alpha: at least one value is needed")
    if low := [value for value in alphas if value < -1]:
        raise ConfigError(f"magnify.alpha must be at least -1, got {low[0]:g}")
    return alphas, several


def _check_place(device: Any, dtype: Any) -> None:
    """Raise ConfigError where PyTorch cannot compute on a device, or not in this precision."""
    try:
        if device is not None:
            torch.zeros(1, device=torch.device(device)).item()  # a name alone promises nothing
    except Exception as error:  # PyTorch has one for each cause
        reason = f"cannot be used here, as 'cpu' can ({brief(error)})"
        raise ConfigError(f"device: {device!r} {reason}") from None
    if not any(dtype is kind for kind in (None, torch.float32, torch.float64)):
        raise ConfigError(f"dtype: {dtype!r} is neither torch.float32 nor torch.float64")


def as_tensor(array: Any) -> Any:
    """Return an array of NumPy as a tensor, and anything else as it is."""
    if not isinstance(array, np.ndarray) or np.ma.isMaskedArray(array):
        return array
    try:  # PyTorch wants memory in order, of this machine's byte order, that may be written to
        return torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))
    except TypeError:  # a type that PyTorch has not
        return array


def in_unit_range(
    clip: Any, *, device: Any = None, dtype: Any = None, first_frame: int = 0
) -> torch.Tensor:
    """Return a clip, checked, as float32 or float64 in 0..1 without gradient."""
    tensor = as_tensor(clip)
    if not isinstance(tensor, torch.Tensor):
        kind = getattr(clip, "dtype", "")
        raise ConfigError(f"clip: must be a tensor or an array, got {type(clip).__name__} {kind}")
    if tensor.dtype not in (torch.float32, torch.float64, *STEPS):
        advice = "clip.float()" if tensor.is_floating_point() else "clip / 255 if white is 255"
        raise ConfigError(
            f"clip: must be float32, float64, uint8 or uint16, got {tensor.dtype}: give {advice}"
        )
    _check_place(device, dtype)
    _check_shape(tensor, "transpose" if isinstance(clip, np.ndarray) else "permute")
    tensor = tensor.detach().to(device)
    if tensor.dtype in STEPS:
        return (tensor.to(dtype or torch.float32)).div_(STEPS[tensor.dtype])
    _check_values(tensor, first_frame)
    return tensor.to(dtype)


def in_kind(result: torch.Tensor, like: Any) -> Any:
    """Return a result, which is used up, as the clip was given: its container, type and device."""
    given = as_tensor(like)
    if given.dtype in STEPS:
        result = result.mul_(STEPS[given.dtype]).round_().clamp_(0, STEPS[given.dtype])
    result = result.to(given)
    return result.numpy() if isinstance(like, np.ndarray) else result


def _check_shape(clip: torch.Tensor, reorder: str) -> None:
    """Raise an error unless the shape is (T, H, W) or (T, H, W, 3); say what makes it so."""
    shape, wanted = tuple(clip.shape), "(T, H, W) or (T, H, W, 3)"
    colours_second = clip.ndim == 4 and shape[1] == 3
    if colours_second or not (clip.ndim == 3 or (clip.ndim == 4 and shape[-1] == 3)):
        advice = _conversion(shape, reorder)
        raise ConfigError(f"clip: must have the shape {wanted}, got {shape}{advice}")
    if 0 in shape:
        raise DataError(f"the clip is empty: shape {shape}")
    if min(shape[1:3]) < LEAST_SIDE_PX:
        raise DataError(f"frames of {shape[2]}x{shape[1]} px are too small, 8x8 is least")


def _conversion(shape: tuple[int, ...], reorder: str) -> str:
    if len(shape) == 4 and 3 in shape[:2]:  # colours before rows and columns
        axis = 1 if shape[1] == 3 else 0
        return f": give clip.{reorder}{(*(i for i in range(4) if i != axis), axis)}"
    if len(shape) > 3 and 1 in shape:
        return f": give clip.squeeze({shape.index(1)})"
    if len(shape) == 4 and shape[-1] == 4:
        return ": give clip[..., :3]"
    return ": give the clips of a batch one by one" if len(shape) > 3 else ""


def _check_values(clip: torch.Tensor, first_frame: int) -> None:
    """Raise an error unless values are finite and in 0..1; say what brings them there."""
    low, high = (float(bound) for bound in torch.aminmax(clip))
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = (~torch.isfinite(clip)).flatten(1).any(dim=1).nonzero().flatten().tolist()
        raise DataError(
            f"frame {first_frame + bad[0]} holds values that are not finite "
            f"({len(bad)} such frames)"
        )
    if low < -SLACK or high > 1 + SLACK:
        advice = "(clip + 1) / 2, if black is -1" if low < -SLACK else "clip / 255, if white is 255"
        raise ConfigError(f"clip: values must lie in 0..1, got {low:g}..{high:g}: give {advice}")
