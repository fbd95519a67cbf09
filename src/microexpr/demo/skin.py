"""The colour of the skin before light falls on it."""

from __future__ import annotations

import numpy as np

from microexpr.demo.canvas import Canvas, blend, scaled
from microexpr.demo.geometry import Array, bump, step


def albedo(canvas: Canvas) -> Array:
    """Return the colour of bare skin, float32 (480, 640, 3) RGB, 0 to 255."""
    colour = np.asarray(canvas.who.skin.colour, dtype=np.float32)
    image = np.ones((*canvas.x.shape, 3), np.float32) * colour
    for layer in (_mottling, _blush, _freckles, _shadow_under_eyes, _beard):
        image = layer(canvas, image)
    return image


def _mottling(canvas: Canvas, image: Array) -> Array:
    uneven = 0.018 * canvas.texture(9) + 0.012 * canvas.texture(3) + 0.022 * canvas.texture(0.9)
    by_channel = np.array((0.8, 1.0, 1.1), dtype=np.float32)
    return image * (1 + (canvas.who.skin.blemish * uneven)[..., None] * by_channel)


def _blush(canvas: Canvas, image: Array) -> Array:
    skin = canvas.who.skin
    cheeks = 0.1 * skin.cheek * bump(canvas.ax, canvas.y, (0.62, 0.55), (0.25, 0.22))
    nose = 0.1 * bump(canvas.x, canvas.y, (0, canvas.who.nose.tip_y), (0.14, 0.12))
    return blend(image, cheeks + nose, scaled(skin.colour, (1.02, 0.72, 0.7)))


def _freckles(canvas: Canvas, image: Array) -> Array:
    skin = canvas.who.skin
    spots = np.clip(canvas.texture(1.3) - 2.1, 0, 1)
    spots *= skin.freckles * bump(canvas.ax, canvas.y, (0.4, 0.4), (0.4, 0.35))
    moles = 0.5 * np.clip(canvas.texture(1.6) - 3.2, 0, 1)
    return blend(image, np.clip(spots + moles, 0, 0.6), scaled(skin.colour, 0.55))


def _shadow_under_eyes(canvas: Canvas, image: Array) -> Array:
    shadow = 0.16 * bump(canvas.ax, canvas.y, (0.5, 0.12), (0.2, 0.07))
    return blend(image, shadow, scaled(canvas.who.skin.colour, (0.72, 0.6, 0.66)))


def _beard(canvas: Canvas, image: Array) -> Array:
    wing_y = canvas.who.nose.wing_y
    moustache = 0.25 * bump(canvas.x, canvas.y, (0, wing_y + 0.1), (0.3, 0.2))
    area = step(canvas.y - wing_y - 0.2 + moustache, 0.08)
    stubble = 0.75 + 0.25 * canvas.texture(0.8)
    colour = scaled(canvas.who.hair.colour, 0.8, offset=20)
    return blend(image, canvas.who.skin.beard * area * stubble, colour)
