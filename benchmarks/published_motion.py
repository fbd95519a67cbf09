"""Compare magnified clips with the results that the authors of both papers published.

    python benchmarks/published_motion.py FOLDER

FOLDER holds public copies of the authors' videos, at any depth. Two repositories on GitHub have
them: KTMAnimations/video-magnification in ``test-videos/mit-evm`` and JonathanAlis/SynFlowMap in
``data`` (docs/recipes.md lists files, sizes and checksums). No licence is stated for the videos:
they are for local checks and not part of this project. What is missing is left out, with a line
that says so.

Both clips, less the input, go through the same band-pass in time; of these differences in luma the
energy (sum of squares) and the correlation are compared. Of the pulse, the frequency at which the
skin's green is strongest. Exit code 1 and a list if a bar is missed, 2 if nothing was found.
"""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import torch
from torch.nn import functional

from microexpr.errors import MicroexprWarning
from microexpr.magnify import amm, pmm
from microexpr.magnify.clip import luma

OFFSETS = range(-1, 6)  # frames by which a published clip may be late
POOL_PX = 4  # for the comparison of whole clips outside the band
LEAST_SHARE = 0.2  # of a source frame in a published one; below it is noise
PULSE_HZ = (0.7, 1.5)
# Wide orientations, as many in each octave, and an end at the Nyquist frequency.
PYRAMID_OF_2013 = {"narrow": False, "split_octaves": None, "top_octaves": 0.0}
CAST_LEVELS = 0.5  # grey levels that a colour's mean over time may change by


class Bars(NamedTuple):
    """What a result must reach: energy ratio from, to; correlation."""

    low: float
    high: float
    correlation: float = 0.0


class Peak(NamedTuple):
    """The strongest frequency of a signal and its amplitude, grey levels."""

    hz: float
    levels: float


CRANE, GUITAR, ANY = Bars(0.95, 1.05, 0.9), Bars(0.85, 1.15), Bars(0.0, float("inf"))
Missed = list[str]


def read(path: Path) -> torch.Tensor:
    """Read a video, float32, shape (T, H, W, 3), in 0..1."""
    with av.open(path) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).float().div_(255)


def recoded(clip: torch.Tensor, crf: int = 18) -> torch.Tensor:
    """Pass a grey clip (T, H, W) through 8 bits and H.264, as all published clips have been."""
    file, (_, height, width) = io.BytesIO(), clip.shape
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30, width=width, height=height)
        stream.options = {"crf": str(crf)}
        for values in clip.clamp(0, 1).mul(255).round().byte().numpy():
            picture = np.repeat(values[..., None], 3, axis=-1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as decoder:
        frames = [frame.to_ndarray(format="rgb24") for frame in decoder.decode(video=0)]
    return luma(torch.from_numpy(np.stack(frames)).float().div_(255))


def passed(clip: torch.Tensor, fps: float, band_hz: tuple[float, float]) -> torch.Tensor:
    """Keep the frequencies inside the band, over the first axis."""
    spectrum = torch.fft.rfft(clip, dim=0)
    frequencies = torch.fft.rfftfreq(len(clip), 1 / fps)
    spectrum[(frequencies < band_hz[0]) | (frequencies > band_hz[1])] = 0
    return torch.fft.irfft(spectrum, n=len(clip), dim=0)


def psnr_db(clip: torch.Tensor, other: torch.Tensor) -> float:
    """Return the PSNR, frame by frame to save memory."""
    errors = [(a - b).square().mean() for a, b in zip(clip, other, strict=True)]
    return -10 * float(torch.log10(torch.stack(errors).mean()))


def agreement(
    ours: torch.Tensor, theirs: torch.Tensor, fps: float, band_hz: tuple[float, float]
) -> tuple[float, float]:
    """Return the ratio of energies in the band, ours over theirs, and the correlation."""
    a, b = passed(ours, fps, band_hz), passed(theirs, fps, band_hz)
    return float(a.square().sum() / b.square().sum()), float((a * b).sum() / (a.norm() * b.norm()))


def verdict(
    name: str,
    clips: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    fps: float,
    band_hz: tuple[float, float],
    bars: Bars,
) -> Missed:
    """Print how a result (ours, theirs, input) compares; return the bars that it misses."""
    ours, theirs, source = clips
    ratio, correlation = agreement(ours - source, theirs - source, fps, band_hz)
    print(
        f"{name}: energy {ratio:.3f} of theirs, correlation {correlation:.3f}, "
        f"PSNR {psnr_db(ours, theirs):.1f} dB (input {psnr_db(source, theirs):.1f})",
        flush=True,
    )
    missed = []
    if not bars.low <= ratio <= bars.high:
        missed.append(f"{name}: energy {ratio:.3f}, wanted {bars.low:g} to {bars.high:g}")
    if correlation < bars.correlation:
        missed.append(f"{name}: correlation {correlation:.3f}, wanted {bars.correlation:g}")
    return missed


def crane(source: Path, result: Path) -> Missed:
    """Compare with the crane of Wadhwa et al. 2013: 0.2-0.25 Hz, alpha 75, FIR, sigma 5 px.

    They filtered 215 frames, of which the copy of the source has 212: the last one is repeated.
    Spatially this is their pyramid, see `PYRAMID_OF_2013`; then ours, which moves more detail.
    """
    half, fps, band_hz = "halfOctave" in result.name, 24.0, (0.2, 0.25)
    clip, published = luma(read(source)), luma(read(result))
    whole = torch.cat([clip, clip[-1:].expand(215 - len(clip), -1, -1)])
    own: dict[str, Any] = (
        {"per_octave": 2, "orientations": 8} if half else {"per_octave": 1, "orientations": 4}
    )
    own |= PYRAMID_OF_2013 | {"high_octaves": 0.75 if half else 1.0, "smoothing_px": 5.0}
    options = {"fps": fps, "passband_hz": band_hz, "temporal_filter": "fir", "anchored": False}
    missed, shape = [], "half-octave" if half else "octave"
    for name, pyramid in ((f"crane, {shape}", own), ("  our own bands", {})):
        magnified = recoded(pmm(whole, alpha=75.0, **options, **pyramid)[: len(clip)])
        clips = (magnified, published[: len(clip)], clip)
        missed += verdict(name, clips, fps, band_hz, CRANE if pyramid else ANY)
    return missed


def gains_of_2012(height: int, width: int, *, alpha: float, lambda_c_px: float) -> list[float]:
    """Return what the program of 2012 does to each level and to the residual, of alpha.

    Its finest level and the residual get nothing; the bound ``(1 + alpha) lambda / lambda_c - 1``
    of the others is doubled, and lambda is a third of the diagonal at the residual.
    """
    levels = 0
    while min(height, width) >> levels >= 5:
        levels += 1
    gains = []
    for level in range(levels):
        wavelength = (height**2 + width**2) ** 0.5 / 3 / 2 ** (levels - level)
        bound = 2 * ((1 + alpha) * wavelength / lambda_c_px - 1)
        gains.append(min(1.0, max(0.0, bound / alpha)) if level else 0.0)
    return [*gains, 0.0]


def shown(
    source: torch.Tensor, result: torch.Tensor, fps: float, band_hz: tuple[float, float]
) -> dict[int, float]:
    """Find which frames of the source a published frame shows: shares by offset, summing to 1.

    By least squares, on what moves outside the band. Some copies blend two frames.
    """
    first, last = -OFFSETS[0], min(len(result), len(source) - OFFSETS[-1])

    def outside(clip: torch.Tensor) -> torch.Tensor:
        small = functional.avg_pool2d(clip[:, None], POOL_PX)
        moving = small - small.mean(dim=0)
        slow = passed(moving, fps, (0, fps / 100))
        wide = (band_hz[0] - fps / 40, band_hz[1] + fps / 40)
        return (moving - slow - passed(moving, fps, wide)).flatten()

    columns = [outside(source[first + k : last + k]) for k in OFFSETS]
    solved = torch.linalg.lstsq(torch.stack(columns, 1), outside(result[first:last])[:, None])
    found = dict(zip(OFFSETS, solved.solution.flatten().tolist(), strict=True))
    kept = {k: share for k, share in found.items() if share > LEAST_SHARE * max(found.values())}
    return {k: share / sum(kept.values()) for k, share in kept.items()}


def guitar(source: Path, result: Path) -> Missed:
    """Compare with a string of the guitar of Wu et al. 2012: ideal filter, lambda_c 10 px, 600 fps.

    Their ideal filter has half the gain. Their program leaves out the last ten frames and adds the
    change of a frame to the next one.
    """
    low, high, alpha = ((72.0, 92.0, 75.0), (100.0, 120.0, 150.0))["100" in result.name]
    fps, band_hz = 600.0, (low, high)
    clip, published = luma(read(source)), luma(read(result))
    filtered = clip[:-10]
    gains = gains_of_2012(*clip.shape[1:], alpha=alpha, lambda_c_px=10.0)
    options = {"fps": fps, "passband_hz": band_hz, "temporal_filter": "ideal", "anchored": False}
    change = amm(filtered, alpha=alpha / 2, level_gains=gains, **options) - filtered
    rendered = clip[1 : len(filtered) + 1] + change
    shares = shown(clip, published, fps, band_hz)
    n = min(len(published), len(rendered) - max(shares) + 1)
    still, ours = torch.zeros_like(clip[:n]), torch.zeros_like(clip[:n])
    for offset, share in shares.items():
        still += share * clip[offset : offset + n]
        ours += share * rendered.clamp(0, 1)[offset - 1 : offset - 1 + n]
    text = ", ".join(f"{share:.2f} of frame t + {k}" for k, share in shares.items())
    print(f"guitar {low:g}-{high:g} Hz: the copy shows {text}")
    clips = (recoded(ours), published[:n], still)
    return verdict(f"guitar {low:g}-{high:g} Hz", clips, fps, band_hz, GUITAR)


def green_of(clip: torch.Tensor) -> np.ndarray:
    """Return the mean green of the middle of the face over time, grey levels, without its trend."""
    height, width = clip.shape[1:3]
    middle = clip[:, height // 4 : height // 2, width // 3 : width * 2 // 3, 1]
    signal = 255 * middle.double().mean(dim=(1, 2)).numpy()
    t = np.arange(len(signal))
    return signal - np.polyval(np.polyfit(t, signal, 2), t)


def peak(signal: np.ndarray, fps: float, band_hz: tuple[float, float], finer: int) -> Peak:
    """Return the strongest frequency of a band, on a grid that is so much finer than the clip's."""
    window = np.hanning(len(signal)) if finer > 1 else np.ones(len(signal))
    n = finer * len(signal)
    spectrum = np.abs(np.fft.rfft(signal * window, n)) * 2 / window.sum()
    frequencies = np.fft.rfftfreq(n, 1 / fps)
    spectrum[(frequencies < band_hz[0]) | (frequencies > band_hz[1])] = 0
    return Peak(float(frequencies[spectrum.argmax()]), float(spectrum.max()))


def face(source: Path, result: Path) -> Missed:
    """Compare with the pulse of Wu et al. 2012: ideal 50/60 to 1 Hz, alpha 50, level 4, colours.

    Of the clip's frequencies only 0.928 Hz lies in their band, and theirs has no other: there the
    peaks are compared. Ours must also keep the frequency that the pulse really has, and the picture
    must be clean: no constant cast, and as close to the input as theirs.
    """
    fps, band_hz, published = 30.0, (50 / 60, 1.0), read(result)
    clip = read(source)[: len(published)]
    options = {"fps": fps, "passband_hz": band_hz, "temporal_filter": "ideal", "anchored": False}
    gains = [0.0] * 4 + [1.0] * 3
    ours = amm(clip, alpha=25.0, chroma_gain=1.0, level_gains=gains, **options).clamp_(0, 1)
    green = {"input": clip, "ours": ours, "theirs": published}
    courses = {name: green_of(frames) for name, frames in green.items()}
    coarse = {name: peak(course, fps, band_hz, 1) for name, course in courses.items()}
    fine = {name: peak(course, fps, PULSE_HZ, 8) for name, course in courses.items()}
    cast = float(255 * (ours.mean(dim=0) - clip.mean(dim=0)).mean(dim=(0, 1)).abs().max())
    psnr = {name: psnr_db(frames, clip) for name, frames in green.items() if name != "input"}
    print(
        f"face: pulse at {coarse['ours'].hz:.3f} Hz, {coarse['ours'].levels:.1f} levels (theirs "
        f"{coarse['theirs'].hz:.3f} Hz, {coarse['theirs'].levels:.1f}); on a finer grid "
        f"{fine['ours'].hz:.3f} Hz (theirs {fine['theirs'].hz:.3f}, input {fine['input'].hz:.3f}); "
        f"cast {cast:.2f} levels; PSNR to the input {psnr['ours']:.1f} dB (theirs "
        f"{psnr['theirs']:.1f})"
    )
    wanted = {
        "the peak inside the band differs": coarse["ours"].hz == coarse["theirs"].hz,
        "its size differs by more than 15 %": 0.85
        <= coarse["ours"].levels / coarse["theirs"].levels
        <= 1.15,
        "the pulse is not at the input's frequency": fine["ours"].hz == fine["input"].hz,
        f"a cast of more than {CAST_LEVELS:g} levels": cast <= CAST_LEVELS,
        "further from the input than theirs": psnr["ours"] >= psnr["theirs"],
    }
    return [f"face: {text}" for text, met in wanted.items() if not met]


COMPARISONS: list[tuple[str, str, Callable[[Path, Path], Missed]]] = [
    ("crane_crop.mp4", "crane_crop-FIRWindowBP-*-octave.mp4", crane),
    ("crane_crop.mp4", "crane_crop-FIRWindowBP-*-halfOctave.mp4", crane),
    ("guitar.mp4", "guitar-ideal-from-72-*.mp4", guitar),
    ("guitar.mp4", "guitar-ideal-from-100-*.mp4", guitar),
    ("face.mp4", "face-ideal-*.mp4", face),
]


def found(folder: Path) -> Iterator[tuple[Path, Path, Callable[[Path, Path], Missed]]]:
    """Yield what can be compared; print a line for the rest."""
    for source, result, compare in COMPARISONS:
        paths = [next(folder.rglob(name), None) for name in (source, result)]
        if paths[0] and paths[1]:
            yield paths[0], paths[1], compare
        else:
            print(f"{result}: it or {source} is not in {folder}, left out", file=sys.stderr)


def main() -> int:
    """Print the comparison; 1 if a bar is missed, 2 if there is nothing to compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with the published videos")
    folder = parser.parse_args().folder
    warnings.simplefilter("ignore", MicroexprWarning)  # their alphas exceed the bounds
    torch.set_num_threads(1)
    compared, missed = 0, []
    with torch.inference_mode():
        for source, result, compare in found(folder):
            missed += compare(source, result)
            compared += 1
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed else 0 if compared else 2


if __name__ == "__main__":
    raise SystemExit(main())
