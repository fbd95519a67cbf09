"""Make the pictures and the tables of docs/magnification.md.

The face is drawn by ``microexpr demo``; the patterns of the bounds are formulas. Tables are printed
as Markdown.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import matplotlib as mpl
import numpy as np
import torch

from microexpr.cli import main
from microexpr.magnify import amm, pmm
from microexpr.video.writer import write_png

mpl.use("Agg")
from matplotlib import pyplot as plt

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CLIP = "SMIC_all_raw/HS/s1/micro/positive/s1_po_01"
ALPHAS = (2, 5, 10, 20)
CROP_PX = (110, 180)  # height and width of what is shown around a corner of the mouth
SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
FRAMES, NOISE_LEVELS = 34, 2
SIZE_PX, WAVELENGTH_PX, ALPHA = 128, 16, 10.0

Pattern = Callable[[float], np.ndarray]


def magnified(source: Path, output: Path, *options: str) -> list[dict]:
    """Run the command line; return its reports."""
    lines = io.StringIO()
    with contextlib.redirect_stdout(lines):
        status = main(["magnify", str(source), str(output), "--fps", "100", "--json", *options])
    if status:
        raise SystemExit(status)
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def frame_of(video: Path, index: int) -> np.ndarray:
    """One frame of a video, (y, x, 3) uint8 RGB."""
    with av.open(str(video)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            if number == index:
                return picture.to_ndarray(format="rgb24")
    raise IndexError(index)


def face_pictures(folder: Path) -> None:
    """Apex frames and slices through time, original beside AMM and PMM; table of the gains."""
    main(["demo", str(folder), "--subjects", "s1"])
    source, truth = folder / CLIP, json.loads((folder / "truth/s1_po_01.json").read_text())
    with np.load(folder / "truth/s1_po_01.npz") as arrays:
        column, row = np.rint(arrays["landmarks"][3]).astype(int)  # a corner of the mouth
    rows = slice(row - CROP_PX[0] // 2, row + CROP_PX[0] // 2)
    columns = slice(column - CROP_PX[1] // 2, column + CROP_PX[1] // 2)
    images = sorted(source.glob("*.png"))
    frames = [_image(images[0]), _image(images[truth["apex"]])]
    slices, reports = [], []
    for method in ("amm", "pmm"):
        picture = folder / f"{method}.png"
        out = folder / f"{method}.mp4"
        slicing = ["--xt-slice", str(picture), "--xt-at", f"x={column}"]
        magnified(source, out, "--method", method, "--alpha", "10", *slicing)
        frames.append(frame_of(out, truth["apex"]))
        slices.append(_image(picture)[rows])
        sweep = ",".join(map(str, ALPHAS))
        reports += magnified(source, out, "--method", method, "--alpha", sweep)
    write_png(IMAGES / "magnified_apex.png", _row([f[rows, columns] for f in frames]))
    half = slices[1].shape[1] // 2
    write_png(IMAGES / "magnified_slices.png", _row([slices[0], slices[1][:, half:]], gap=0))
    print("| method | alpha | gain wanted | gain measured | magnified motion, px | bound, px |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for made in reports:
        alpha, bound = made["alpha"], made["bound"]
        cells = [f"{alpha:g}", f"{1 + alpha:g}", f"{made['motion']['gain']:.1f}"]
        cells += [f"{bound[key]:.1f}" for key in ("magnified_px", "limit_px")]
        print(f"| {' | '.join([made['method'], *cells])} |")


def _image(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    assert picture is not None, path
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _row(pictures: Sequence[np.ndarray], gap: int = 4) -> np.ndarray:
    white = np.full((len(pictures[0]), gap, 3), 255, np.uint8)
    parts = [pictures[0]]
    for picture in pictures[1:]:
        parts += [white, picture]
    return np.concatenate(parts, axis=1)


def grating(shift_px: float) -> np.ndarray:
    """Return a wave along x over the whole frame."""
    x = np.arange(SIZE_PX) - shift_px
    return np.tile(0.5 + 0.2 * np.cos(2 * np.pi * x / WAVELENGTH_PX), (SIZE_PX, 1))


def gabor(shift_px: float) -> np.ndarray:
    """Return a wave along x under a Gaussian of half its length, as an edge or a spot has."""
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - SIZE_PX / 2
    x = x - shift_px
    window = np.exp(-(x**2 + y**2) / (2 * (WAVELENGTH_PX / 2) ** 2))
    return 0.5 + 0.2 * window * np.cos(2 * np.pi * x / WAVELENGTH_PX)


def error(method: Callable, pattern: Pattern, share: float, **options: object) -> float:
    """Relative error at a magnified shift of `share` wavelengths; no magnification has 1.

    nan where the truth is the still picture again: a grating that moved by its wavelength.
    """
    moved = share * WAVELENGTH_PX
    shifts = np.array([0.0, moved / (1 + ALPHA), 0.0])
    clip = torch.from_numpy(np.stack([pattern(s) for s in shifts]).astype(np.float32))
    found = method(
        clip,
        fps=100.0,
        passband_hz=(1.0, 10.0),
        alpha=ALPHA,
        temporal_filter="reference",
        **options,
    )[1].numpy()
    truth, still = pattern(moved), pattern(0.0)
    if np.allclose(truth, still):
        return np.nan
    return float(np.linalg.norm(found - truth) / np.linalg.norm(still - truth))


def bounds_picture() -> None:
    """Print and draw the error as a function of the magnified shift in wavelengths."""
    methods: dict[str, tuple] = {
        "AMM, grating": (amm, grating, {"lambda_c_px": 0.0}),
        "AMM, Gabor": (amm, gabor, {"lambda_c_px": 0.0}),
        "PMM, octave, Gabor": (pmm, gabor, {}),
        "PMM, half-octave, Gabor": (pmm, gabor, {"per_octave": 2}),
    }
    figure, axes = plt.subplots(figsize=(6, 3.4), dpi=100)
    fine = np.geomspace(SHARES[0], SHARES[-1], 21)
    print("\n| magnified shift / wavelength | 1/32 | 1/16 | 1/8 | 1/4 | 1/2 | 1 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, (method, pattern, options) in methods.items():
        cells = " | ".join(f"{error(method, pattern, s, **options):.2f}" for s in SHARES)
        print(f"| {name} | {cells} |")
        axes.plot(fine, [error(method, pattern, s, **options) for s in fine], label=name)
    axes.axhline(1, color="grey", linestyle=":", label="no magnification")
    axes.set(xscale="log", ylim=(0, 2), ylabel="error relative to no magnification")
    axes.set_xlabel("magnified shift / wavelength")
    axes.set_xticks(SHARES, ["1/32", "1/16", "1/8", "1/4", "1/2", "1"])
    axes.minorticks_off()
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(IMAGES / "magnification_bounds.png", metadata={"Software": None})


def noise_table() -> None:
    """Return the gain of sensor noise where nothing moves: rms of the output over the input."""
    rng = np.random.default_rng(0)
    radius = np.hypot(np.fft.fftfreq(SIZE_PX)[:, None], np.fft.rfftfreq(SIZE_PX))
    radius[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(SIZE_PX, SIZE_PX))) / radius**1.6
    still = np.fft.irfft2(spectrum, s=(SIZE_PX, SIZE_PX))
    still = 0.5 + 0.15 * still / still.std()
    noise = rng.normal(scale=NOISE_LEVELS / 255, size=(FRAMES, SIZE_PX, SIZE_PX))
    clip = torch.from_numpy((still + noise).astype(np.float32))
    methods: dict[str, tuple] = {
        "AMM, same gain for all wavelengths": (amm, {"lambda_c_px": 0.0}),
        "AMM, default": (amm, {}),
        "PMM, default": (pmm, {}),
    }
    print(f"\n| noise of {NOISE_LEVELS} grey levels, alpha | 2 | 5 | 10 | 20 |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, (method, options) in methods.items():
        found = method(
            clip, fps=100.0, passband_hz=(0.5, 10.0), alpha=[float(a) for a in ALPHAS], **options
        )
        grown = [float(np.std(f.numpy() - still) / np.std(noise)) for f in found]
        print(f"| {name} | {' | '.join(f'{g:.1f}' for g in grown)} |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        face_pictures(Path(scratch))
    bounds_picture()
    noise_table()
