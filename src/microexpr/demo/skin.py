"""A person's picture in layers: canvas, colour of the skin, shape of the face, and the light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from microexpr.demo.identity import (
    TIP_ABOVE_WINGS,
    Array,
    Identity,
    Triple,
    bump,
    canonical_grid,
    step,
)

WIDEST_Y = 0.3  # where the head is widest: just below the eyes
SKULL = 2.3  # exponent of the outline above that line
GLOSS, GLOSS_POWER = 26.0, 28  # grey levels of a highlight


@dataclass(frozen=True)
class Canvas:
    """Coordinates of one person's picture; arrays are float32 (480, 640)."""

    who: Identity
    x: Array  # canonical
    y: Array
    ax: Array  # |x|
    outline: Array  # half width of the head at this height
    rise: Array  # 0 at the widest line, 1 at crown and chin
    unit: float  # side of a pixel in canonical units
    rng: np.random.Generator  # of the textures

    @classmethod
    def of(cls, who: Identity) -> Canvas:
        """Lay out the picture of `who`."""
        x, y = canonical_grid(who.placement)
        head, upper = who.head, y < WIDEST_Y
        rise = np.where(
            upper,
            (WIDEST_Y - y) / (head.crown + WIDEST_Y),
            (y - WIDEST_Y) / (head.chin_y - WIDEST_Y),
        )
        power = np.where(upper, np.float32(SKULL), np.float32(head.jaw))
        outline = head.half_width * (1 - np.clip(rise, 0, 1) ** power) ** (1 / power) + 1e-3
        rng = np.random.default_rng(who.texture_seed)
        return cls(who, x, y, np.abs(x), outline, rise, 1 / who.placement.iod_px, rng)

    def texture(self, sd_px: float, sd_y_px: float = 0.0) -> Array:
        """Return smooth noise of mean about 0 and sd 1, float32; `sd_y_px` 0 means isotropic."""
        white = self.rng.standard_normal(self.x.shape, dtype=np.float32)
        smooth = cv2.GaussianBlur(white, (0, 0), sd_px, sigmaY=sd_y_px or sd_px)
        return smooth / smooth.std()

    def edge(self, distance: Array, width_px: float) -> Array:
        """Return the coverage of a shape from the signed distance to its border (inside > 0)."""
        return step(distance, width_px * self.unit)


def blend(image: Array, weight: Array, colour: Triple | Array) -> Array:
    """Move `image` (h, w, 3) towards `colour` (one or a picture) by `weight` (h, w), 0 to 1."""
    return image + weight[..., None] * (np.asarray(colour, dtype=np.float32) - image)


def scaled(colour: Triple, factor: float | Triple, offset: float = 0.0) -> Array:
    """Return a colour times a factor (one or one per channel) plus an offset, float32 (3,)."""
    product = np.asarray(colour, dtype=np.float32) * np.asarray(factor, dtype=np.float32)
    return product + np.float32(offset)


def albedo(canvas: Canvas) -> Array:
    """Return the colour of bare skin, float32 (480, 640, 3) RGB, 0 to 255."""
    skin, x, ax, y = canvas.who.skin, canvas.x, canvas.ax, canvas.y
    wing_y = canvas.who.nose.wing_y
    uneven = 0.018 * canvas.texture(9) + 0.012 * canvas.texture(3) + 0.022 * canvas.texture(0.9)
    by_channel = np.array((0.8, 1.0, 1.1), dtype=np.float32)
    mottling = 1 + (skin.blemish * uneven)[..., None] * by_channel
    image = np.asarray(skin.colour, dtype=np.float32) * mottling

    blush = 0.1 * skin.cheek * bump(ax, y, (0.62, 0.55), (0.25, 0.22))
    blush = blush + 0.1 * bump(x, y, (0, wing_y - TIP_ABOVE_WINGS), (0.14, 0.12))
    image = blend(image, blush, scaled(skin.colour, (1.02, 0.72, 0.7)))

    spots = np.clip(canvas.texture(1.3) - 2.1, 0, 1)
    spots *= skin.freckles * bump(ax, y, (0.4, 0.4), (0.4, 0.35))
    moles = 0.5 * np.clip(canvas.texture(1.6) - 3.2, 0, 1)
    image = blend(image, np.clip(spots + moles, 0, 0.6), scaled(skin.colour, 0.55))

    under_eyes = 0.16 * bump(ax, y, (0.5, 0.12), (0.2, 0.07))
    image = blend(image, under_eyes, scaled(skin.colour, (0.72, 0.6, 0.66)))

    moustache = 0.25 * bump(x, y, (0, wing_y + 0.1), (0.3, 0.2))
    area = step(y - wing_y - 0.2 + moustache, 0.08)
    stubble = 0.75 + 0.25 * canvas.texture(0.8)
    colour = scaled(canvas.who.hair.colour, 0.8, offset=20)
    return blend(image, skin.beard * area * stubble, colour)


def height_map(canvas: Canvas) -> Array:
    """Return the height above the picture plane, canonical units, float32 (480, 640)."""
    who, x, ax, y = canvas.who, canvas.x, canvas.ax, canvas.y
    across, rise = x / who.head.half_width, np.where(canvas.rise < 1, canvas.rise, 1)
    skull = 0.95 * np.sqrt(1 - np.clip(0.98 * across**2 + 0.9 * rise**2, 0, 0.995))
    eye_region = (
        0.05 * bump(ax, y, (0.42, who.brows.y + 0.02), (0.2, 0.07))  # brow ridge
        - 0.09 * bump(ax, y, (0.46, 0), (0.2, 0.12))  # sockets
        + 0.06 * bump(ax, y, (0.5, 0.03), (0.13, 0.09))  # eyeballs
        + 0.06 * who.skin.cheek * bump(ax, y, (0.66, 0.5), (0.22, 0.18))  # cheekbones
    )
    coarse = skull + _nose(canvas) + eye_region + _mouth_region(canvas)
    smooth = cv2.GaussianBlur(coarse.astype(np.float32), (0, 0), 1.5)
    pores = 0.0009 * canvas.texture(1.0) + 0.0014 * canvas.texture(2.5)
    return smooth + who.skin.blemish * pores


def _nose(canvas: Canvas) -> Array:
    nose, x, y = canvas.who.nose, canvas.x, canvas.y
    along = np.clip(y / (nose.wing_y - TIP_ABOVE_WINGS), 0, 1)  # 0 at the root, 1 from the tip on
    ridge = np.exp(-0.5 * (x / (0.07 + 0.07 * along)) ** 2)
    extent = step(y + 0.1, 0.06) * step(nose.wing_y + 0.06 - y, 0.04)
    wings = bump(canvas.ax, y, (nose.half_width, nose.wing_y + 0.02), 0.065)
    return (0.05 + 0.17 * along) * ridge * extent + 0.06 * wings


def _mouth_region(canvas: Canvas) -> Array:
    x, y, mouth_y, wing_y = canvas.x, canvas.y, canvas.who.mouth.y, canvas.who.nose.wing_y
    fold_x = 0.34 + 0.22 * (y - wing_y)  # from the wing of the nose down and outwards
    folds = np.exp(-0.5 * ((canvas.ax - fold_x) / 0.035) ** 2)
    folds *= np.exp(-0.5 * ((y - wing_y - 0.2) / 0.17) ** 2)
    return (
        0.04 * bump(x, y, (0, mouth_y - 0.03), (0.24, 0.1))  # lips
        + 0.07 * bump(x, y, (0, mouth_y + 0.1), (0.24, 0.05))
        - 0.03 * bump(x, y, (0, mouth_y + 0.22), (0.24, 0.05))  # below them
        + 0.07 * bump(x, y, (0, canvas.who.head.chin_y - 0.22), (0.18, 0.13))
        - 0.012 * bump(x, y, (0, mouth_y - 0.22), (0.03, 0.09))  # philtrum
        - 0.03 * folds
    )


def shading(canvas: Canvas, height: Array) -> tuple[Array, Array]:
    """Light the height map with one lamp: factor on the albedo (Lambert), gloss to add (Blinn)."""
    setting = canvas.who.setting
    slope_y, slope_x = np.gradient(height, np.float32(canvas.unit))
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    lamp = np.asarray(setting.light, dtype=np.float32)
    lamp /= np.linalg.norm(lamp)
    halfway = lamp + np.array((0, 0, 1), dtype=np.float32)
    halfway /= np.linalg.norm(halfway)

    def towards(direction: Array) -> Array:
        along = direction[2] - slope_x * direction[0] - slope_y * direction[1]
        return np.clip(along / length, 0, 1)

    diffuse = setting.ambient + (1.08 - setting.ambient) * towards(lamp)
    return diffuse, GLOSS * towards(halfway) ** GLOSS_POWER
