"""Every public function, every option, and what people give by mistake; arrays of any kind."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from microexpr.errors import ConfigError, DataError, MicroexprError
from microexpr.magnify import amm, filter_only, pmm
from microexpr.magnify.amplitude import AmplitudeMagnifier, FilterMagnifier
from microexpr.magnify.clip import magnified
from microexpr.magnify.phase import PhaseMagnifier
from microexpr.magnify.steerable import steerable_pyramid
from microexpr.magnify.stream import stream
from microexpr.magnify.temporal import filter_gain, filter_matrix

pytestmark = pytest.mark.filterwarnings("ignore::microexpr.errors.MicroexprWarning")
BAND = {"fps": 100.0, "passband_hz": (1.0, 10.0)}
NAN = float("nan")


def streamed(method: str, **fixed: Any) -> Callable[..., torch.Tensor]:
    def whole(clip: Any, **options: Any) -> Any:
        options = fixed | options
        frames = list(stream(clip, method=method, alpha=options.pop("alpha"), **options))
        return np.stack(frames) if isinstance(clip, np.ndarray) else torch.stack(frames)

    return whole


FUNCTIONS: dict[str, tuple[Callable[..., Any], type]] = {
    "amm": (amm, AmplitudeMagnifier),
    "pmm": (pmm, PhaseMagnifier),
    "filter_only": (filter_only, FilterMagnifier),
    "stream of amm": (streamed("amm"), AmplitudeMagnifier),
    "stream of pmm in windows": (streamed("pmm", temporal_filter="ideal"), PhaseMagnifier),
}
BAD_NUMBERS = ["10", b"1", NAN, math.inf, True, 1j, {}, {1.0}, object(), "", [[1.0]], np.eye(3)]
# By a part of the annotation: values that no option of this kind takes.
BAD: dict[str, list[Any]] = {
    "float": BAD_NUMBERS,
    "int": [*BAD_NUMBERS, 1.5, np.float32(2.5), "x", (1,)],
    "bool": ["yes", 1, 0.0, "", []],
    "Literal": ["x", 1, "", None, ["iir"], np.ones(2)],
    "tuple": [
        "1-10",
        5.0,
        (1.0,),
        (1.0, 2.0, 3.0),
        ("1", "10"),
        (NAN, 5),
        (10, 1),
        (1, 99),
        [0, 5],
    ],
    "Sequence": ["12", 3.0, ["1"], [NAN], {1.0: 2.0}, np.eye(3)],
    "Tensor": ["mask", [[1.0]], 1.0, np.ones(3), np.ones((2, 2)), torch.full((32, 40), NAN)],
    "Callable": ["print", 3, []],
}
DEVICES = ["gpu", "cuda:99", "meta", 7.5, "", [], object()]
DTYPES = ["float32", torch.float16, torch.complex64, np.float32, np.dtype("f8"), 32, torch.int64]


def clip_of(kind: str = "float32") -> Any:
    codes = np.random.default_rng(3).integers(40, 200, (20, 32, 40)).astype("u1")
    return codes if kind == "uint8" else torch.from_numpy(codes / np.float32(255))


def kinds_of_options(magnifier: type) -> dict[str, str]:
    """Return all options of a method with their annotations, as text."""
    takers = [filter_matrix, magnifier, magnified]
    if magnifier is PhaseMagnifier:
        takers.append(steerable_pyramid)
    return {
        name: str(parameter.annotation)
        for taker in takers
        for name, parameter in inspect.signature(taker, eval_str=True).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def mistakes(magnifier: type) -> list[tuple[str, Any]]:
    found = [("alpha", value) for value in [*BAD_NUMBERS, [], (), [1.0, NAN], ["2"], range(0)]]
    found += [("device", value) for value in DEVICES] + [("dtype", value) for value in DTYPES]
    for name, text in kinds_of_options(magnifier).items():
        if name not in ("device", "dtype"):
            order = ("Tensor", "Callable", "Sequence", "Literal", "tuple", "bool", "int", "float")
            (kind, *_) = [kind for kind in order if kind in text]
            found += [(name, value) for value in BAD[kind]]
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_mistake_names_the_option(function: str) -> None:
    call, magnifier = FUNCTIONS[function]
    clip, silent = clip_of(), []
    for name, value in mistakes(magnifier):
        options = {"alpha": 2.0, **BAND, name: value}
        try:
            call(clip, **options)
        except ConfigError as error:
            assert name in str(error) and "\n" not in str(error), (name, value, str(error))
        else:
            silent.append((name, value))
    assert not silent


@pytest.mark.parametrize("function", [filter_matrix, filter_gain])
def test_functions_of_the_filter_name_the_option(function: Callable[..., Any]) -> None:
    kept = kinds_of_options(AmplitudeMagnifier).keys() & inspect.signature(filter_matrix).parameters
    silent = []
    wrong = [(n, v) for n, v in mistakes(AmplitudeMagnifier) if n in kept]
    for name, value in [*wrong, ("n_frames", 20.5), ("n_frames", "20"), ("n_frames", None)]:
        options = {"n_frames": 20, **BAND, name: value}
        try:
            function(options.pop("n_frames"), **options)
        except ConfigError as error:
            assert name in str(error) and "\n" not in str(error), (name, value, str(error))
        else:
            silent.append((name, value))
    assert not silent
    with pytest.raises(ConfigError, match="fps: is needed"):
        function(20, passband_hz=(1, 10))
    assert function(20, fps=100, passband_hz=[1, 10]) is not None  # a list, from a file


@pytest.mark.parametrize("function", FUNCTIONS)
def test_numbers_of_any_library_are_numbers(function: str) -> None:
    call, _ = FUNCTIONS[function]
    expected = call(clip_of(), alpha=2.0, fps=100.0, passband_hz=(1.0, 10.0), levels=2)
    for array in (np.array, torch.tensor, np.float32):
        options = {
            "alpha": array(2.0),
            "fps": array(100),
            "passband_hz": [array(1.0), np.int64(10)],
        }
        assert torch.equal(call(clip_of(), **options, levels=np.uint8(2)), expected)
    assert torch.equal(
        call(clip_of(), alpha=2, fps=100, passband_hz=np.array([1, 10]), levels=2), expected
    )


@pytest.mark.parametrize("method", [amm, pmm])
def test_a_list_or_an_array_of_alphas_gives_a_list(method: Callable[..., Any]) -> None:
    for alphas in ([2.0, 3.0], (2, 3), np.array([2, 3]), torch.tensor([2.0, 3.0]), range(2, 4)):
        two, three = method(clip_of(), alpha=alphas, **BAND)
        assert torch.allclose(two, method(clip_of(), alpha=2.0, **BAND), atol=1e-6)
        assert not torch.equal(two, three)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_unknown_and_missing_options_are_named(function: str) -> None:
    call, _ = FUNCTIONS[function]
    for wrong, right in (
        ("passband", "passband_hz"),
        ("level", "levels"),
        ("filter_order", "order"),
    ):
        with pytest.raises(ConfigError, match=rf"^{wrong}: .*{right}"):
            call(clip_of(), alpha=1.0, **BAND, **{wrong: 1})
    with pytest.raises(ConfigError, match="fps: is needed"):
        call(clip_of(), alpha=1.0, passband_hz=(1, 10))
    with pytest.raises(ConfigError, match=r"passband_hz: the filter .* needs a band"):
        call(clip_of(), alpha=1.0, fps=100)


@pytest.mark.parametrize("function", ["amm", "pmm", "filter_only"])
def test_reference_filter_needs_no_band(function: str) -> None:
    call, _ = FUNCTIONS[function]
    options = {"alpha": 2.0, "fps": 100.0, "temporal_filter": "reference"}
    assert torch.equal(call(clip_of(), **options), call(clip_of(), passband_hz=(1, 9), **options))
    causal = list(stream(clip_of(), method=function, **options))
    assert len(causal) == 20


def test_methods_that_cannot_stream_are_named() -> None:
    for method in ("phase", "none", 7, None, ["pmm"]):
        with pytest.raises(ConfigError, match="method"):  # at once, not at the first frame
            stream(clip_of(), method=method, alpha=1.0, **BAND)
    with pytest.raises(ConfigError, match=r"reference_frame: .*first frame"):
        stream(clip_of(), method="pmm", alpha=1.0, reference_frame=3, **BAND)
    with pytest.raises(ConfigError, match="alpha"):
        stream(clip_of(), method="pmm", alpha=[1.0, 2.0], **BAND)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("colours", [False, True])
def test_arrays_come_back_in_kind(function: str, colours: bool) -> None:
    """Pixels are rounded and clipped once; the floats in between are those of the float clip."""
    call, _ = FUNCTIONS[function]
    codes = clip_of("uint8")
    codes[:, :8] = 250  # what is added there goes beyond white
    codes[10:, :8] = 220
    if colours:
        codes = np.repeat(codes[..., None], 3, axis=-1)
    options = {"alpha": 4.0, **BAND}
    floats = call(torch.from_numpy(codes).float() / 255, **options)
    expected = np.clip(np.rint(floats.numpy() * 255), 0, 255).astype("u1")
    assert function == "filter_only" or (floats > 1).any()
    for given in (
        codes,
        torch.from_numpy(codes),
        codes[::-1][::-1],
        np.asfortranarray(codes),
        np.broadcast_to(codes, codes.shape),  # read-only
    ):
        result = call(given, **options)
        assert type(result) is type(given) and result.dtype == given.dtype
        assert np.array_equal(np.asarray(result), expected)
    wide = call(codes.astype("u2") * np.uint16(257), **options)
    assert wide.dtype == np.uint16
    assert np.abs(wide / 257 - np.clip(floats.numpy() * 255, 0, 255)).max() < 0.01
    for dtype in ("f4", "f8", ">f4"):
        result = call((codes / 255).astype(dtype), **options)
        assert type(result) is np.ndarray and result.dtype == np.dtype(dtype).newbyteorder("=")
        assert np.abs(result - floats.numpy()).mean() < 1e-5


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_gradient_is_kept(function: str) -> None:
    call, _ = FUNCTIONS[function]
    clip = clip_of().requires_grad_()
    result = call(clip, alpha=2.0, **BAND)
    assert not result.requires_grad and result.grad_fn is None
    assert torch.equal(result, call(clip_of(), alpha=2.0, **BAND))


CLIP = torch.full((20, 32, 40), 0.5)
WRONG_CLIPS: list[tuple[Any, str]] = [
    (CLIP * 255, r"0\.\.1, got 127.5..127.5: give clip / 255"),
    (CLIP * 4 - 2.9, r"-0\.9.*: give \(clip \+ 1\) / 2"),
    (CLIP.half(), r"float16: give clip\.float\(\)"),
    ((CLIP * 255).long(), r"int64: give clip / 255"),
    (CLIP > 0.4, "bool"),
    (CLIP.to(torch.complex64), "complex64"),
    ((CLIP * 255).numpy().astype("u4"), "uint32"),
    (np.ma.masked_array(CLIP.numpy()), "MaskedArray"),
    (np.array(["a"]), "ndarray <U1"),
    (CLIP.tolist(), "list"),
    (list(CLIP), "list"),
    ("face.mp4", "str"),
    (None, "NoneType"),
    (CLIP[0], r"got \(32, 40\)$"),
    (CLIP[:, None].expand(-1, 3, -1, -1), r"give clip\.permute\(0, 2, 3, 1\)"),
    (CLIP[None].expand(3, -1, -1, -1), r"give clip\.permute\(1, 2, 3, 0\)"),
    (CLIP[:, None].expand(-1, 3, -1, -1).numpy(), r"give clip\.transpose\(0, 2, 3, 1\)"),
    (torch.full((20, 3, 40, 3), 0.5), r"give clip\.permute\(0, 2, 3, 1\)"),
    (CLIP[:, None], r"give clip\.squeeze\(1\)"),
    (CLIP[..., None], r"give clip\.squeeze\(3\)"),
    (CLIP[None], r"give clip\.squeeze\(0\)"),
    (CLIP[..., None].expand(-1, -1, -1, 4), r"give clip\[\.\.\., :3\]"),
    (CLIP[None].expand(2, -1, -1, -1), "clips of a batch one by one"),
    (CLIP[None, ..., None].expand(2, -1, -1, -1, 3), "clips of a batch one by one"),
]


@pytest.mark.parametrize(("clip", "message"), WRONG_CLIPS, ids=[m for _, m in WRONG_CLIPS])
def test_clips_that_need_a_conversion_say_which(clip: Any, message: str) -> None:
    for method in (amm, pmm, filter_only):
        with pytest.raises(ConfigError, match=f"^clip: .*{message}"):
            method(clip, alpha=1.0, **BAND)


def test_noise_and_interpolation_may_leave_the_range() -> None:
    clip = clip_of() * 1.6 - 0.3
    assert clip.min() < -0.01 and clip.max() > 1.01 - 0.1
    assert amm(clip, alpha=1.0, **BAND).shape == clip.shape


def test_frames_of_a_stream_are_alike() -> None:
    frames = [*clip_of()[:5], torch.rand(32, 41)]
    with pytest.raises(DataError, match=r"frame 5 has the shape \(32, 41\), the first \(32, 40\)"):
        list(stream(frames, method="amm", alpha=1.0, **BAND))
    with pytest.raises(MicroexprError, match="clip: .*str"):
        list(stream(["a.png"], method="amm", alpha=1.0, **BAND))
