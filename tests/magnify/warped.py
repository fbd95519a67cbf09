"""Photographs of scikit-image that move by known amounts: exact warps, and their estimator."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float64]
SIDE_PX, MARGIN_PX = 128, 40
# Row and column of the part that is shown; all files come with the package of scikit-image.
PHOTOGRAPHS = {
    "camera": (60, 180),
    "astronaut": (40, 150),
    "coffee": (110, 200),
    "chelsea": (70, 120),
    "grass": (100, 100),
    "gravel": (100, 100),
}


class Photograph:
    """A part of a picture in 0..1, between whose pixels values are known."""

    def __init__(self, name: str) -> None:
        picture = np.asarray(getattr(import_module("skimage.data"), name)(), dtype=np.float64) / 255
        if picture.ndim == 3:
            picture = picture[..., :3] @ np.array([0.299, 0.587, 0.114])
        row, column = (max(0, n - MARGIN_PX) for n in PHOTOGRAPHS[name])
        side = SIDE_PX + 2 * MARGIN_PX
        self.name, self.part = name, picture[row : row + side, column : column + side]
        self.spline = ndimage.spline_filter(_doubled(self.part), 5, mode="mirror")
        self.rows, self.columns = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float64)
        self.still = self.moved(self.rows * 0, self.rows * 0)

    def moved(self, x_px: Image, y_px: Image) -> Image:
        """Return the part with each pixel moved."""
        places = [2 * (self.rows - y_px + MARGIN_PX), 2 * (self.columns - x_px + MARGIN_PX)]
        return ndimage.map_coordinates(self.spline, places, order=5, prefilter=False, mode="mirror")

    def clip(self, motion: str, course: Image) -> torch.Tensor:
        """Return frames (T, H, W) that move along a course, the share of the motion by frame."""
        x, y = self.field(motion)
        frames = [self.moved(share * x, share * y) for share in course]
        return torch.from_numpy(np.stack(frames)).float()

    def field(self, motion: str) -> tuple[Image, Image]:
        """Return the displacement of each pixel at the apex, px."""
        x, y = (2 * (place / (SIDE_PX - 1)) - 1 for place in (self.columns, self.rows))
        if motion == "mouth corner":
            bump = 0.3 * np.exp(-(x**2 + y**2) * (SIDE_PX / 2) ** 2 / (2 * 9.0**2))
            return bump * np.cos(0.5), -bump * np.sin(0.5)
        if motion == "brow":
            wide = np.exp(-((x * SIDE_PX / 2 / 20) ** 2 + (y * SIDE_PX / 2 / 8) ** 2) / 2)
            return 0 * x, -0.25 * wide
        if motion == "translation":
            return 0 * x + 0.16, 0 * y + 0.12
        turned = {"rotation": (-y, x), "expansion": (x, y), "shear": (y, 0 * y)}[motion]
        return 0.2 * turned[0], 0.2 * turned[1]

    def gradient(self, motion: str) -> Image:
        """Return by how much each pixel changes for a small share of the motion."""
        x, y = self.field(motion)
        return (self.moved(0.02 * x, 0.02 * y) - self.moved(-0.02 * x, -0.02 * y)) / 0.04


def _doubled(picture: Image) -> Image:
    """Return a picture on a grid of half a pixel: its mirrored Fourier series."""
    mirrored = np.block([[picture, picture[:, ::-1]], [picture[::-1], picture[::-1, ::-1]]])
    spectrum = np.fft.fftshift(np.fft.fft2(mirrored))
    sides = spectrum.shape
    spectrum[0] /= 2  # the Nyquist frequency belongs to both halves
    spectrum[:, 0] /= 2
    wide = np.pad(spectrum, [(n // 2, n // 2 + 1) for n in sides])[: 2 * sides[0], : 2 * sides[1]]
    wide[3 * sides[0] // 2] += wide[sides[0] // 2]
    wide[:, 3 * sides[1] // 2] += wide[:, sides[1] // 2]
    fine = np.fft.ifft2(np.fft.ifftshift(wide)).real * 4
    return fine[: sides[0], : sides[1]]


def warp_error(photograph: Photograph) -> float:
    """Return by which share translations differ from what the pixels' own gradient tells."""
    mirrored = np.hstack([photograph.part, photograph.part[:, ::-1]])
    frequencies = 2j * np.pi * np.fft.fftfreq(mirrored.shape[1])
    slope = np.fft.ifft(np.fft.fft(mirrored, axis=1) * frequencies, axis=1).real
    inner = slice(MARGIN_PX, MARGIN_PX + SIDE_PX)
    slope, half = slope[inner, inner], photograph.rows * 0 + 0.01
    change = photograph.moved(half, 0 * half) - photograph.moved(-half, 0 * half)
    return abs(float(-(change * slope).sum() / (slope**2).sum() / 0.02 - 1))


def gain(result: torch.Tensor, truth: torch.Tensor, still: Image, gradient: Image) -> float:
    """Return the motion of a result over that of the truth, by one estimator."""
    moves = []
    for clip in (result, truth):
        found = np.tensordot(clip.double().numpy() - still, gradient, 2)
        moves.append(found - found[0])
    return float(moves[0] @ moves[1] / (moves[1] @ moves[1]))
