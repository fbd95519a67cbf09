"""What surrounds the face: background, ears, neck, clothing, hair."""

from __future__ import annotations

import numpy as np

from microexpr.demo.canvas import Canvas, blend, scaled
from microexpr.demo.geometry import Array, bump, step


def behind(canvas: Canvas) -> Array:
    """Return everything that lies behind the face, float32 (480, 640, 3) RGB."""
    falloff = 1 - 0.07 * canvas.x - 0.05 * canvas.y
    image = falloff[..., None] * np.asarray(canvas.who.setting.background, dtype=np.float32)
    for layer in (_ears, _neck, _clothing):
        image = layer(canvas, image)
    return image


def _ears(canvas: Canvas, image: Array) -> Array:
    ax, y, half_width = canvas.ax, canvas.y, canvas.who.head.half_width
    shape = step(1 - np.hypot((ax - half_width) / 0.13, (y - 0.3) / 0.33), 0.04)
    light = 0.55 + 0.25 * bump(ax, y, (half_width * 1.04, 0.22), (0.06, 0.2))
    return blend(image, shape, light[..., None] * scaled(canvas.who.skin.colour, 1))


def _neck(canvas: Canvas, image: Array) -> Array:
    x, y, head = canvas.x, canvas.y, canvas.who.head
    half_width = 0.62 * head.half_width + 0.12 * np.clip(y - 1.7, 0, 1) ** 2
    shape = canvas.edge(half_width - canvas.ax, 1.2) * step(y - 1.0, 0.02)
    roundness = np.sqrt(np.clip(1 - (x / (half_width + 0.05)) ** 2, 0.4, 1))
    chin_shadow = 1 - 0.45 * np.exp(-np.clip(y - head.chin_y, 0, 9) / 0.25)
    light = 0.72 * roundness * chin_shadow
    return blend(image, shape, light[..., None] * scaled(canvas.who.skin.colour, 1))


def _clothing(canvas: Canvas, image: Array) -> Array:
    ax, y = canvas.ax, canvas.y
    collar = 0.25 * np.exp(-((ax / 0.62) ** 2))
    shoulder = 1.98 + 0.28 * np.clip(ax - 0.55, 0, 9) ** 0.8 + collar
    folds = np.clip(0.8 + 0.06 * canvas.texture(14) - 0.05 * ax, 0.2, 1.2)
    cloth = folds[..., None] * scaled(canvas.who.setting.cloth, 1)
    return blend(image, canvas.edge(y - shoulder, 1), cloth)


def head_and_hair(canvas: Canvas, image: Array, face: Array, diffuse: Array) -> Array:
    """Lay the hair of the back of the head, the face and the hair of the brow over `image`."""
    x, ax, y, who = canvas.x, canvas.ax, canvas.y, canvas.who
    streaks = canvas.texture(1.0, 7)
    sheen = bump(x, y, (0.3 * who.setting.light[0], -1.25), (0.5, 0.12))
    tone = np.clip(1 + 0.22 * streaks + 0.35 * sheen, 0.4, 2.2)
    hair = tone[..., None] * scaled(who.hair.colour, 1)

    cap = _cap(canvas)
    image = blend(image, cap, hair)
    inside = np.where(canvas.rise < 1, canvas.outline - ax, -0.3)
    head = canvas.edge(inside, 1.2)
    image = blend(image, head, face)

    temples = 0.56 * np.clip(ax - 0.35, 0, 9) ** 2
    parting = 0.12 * np.exp(-(((x - who.hair.parting_x) / 0.2) ** 2))
    hairline = who.hair.hairline_y + temples - parting + 0.03 * streaks
    at_sides = ax - canvas.outline * (0.93 + 0.1 * step(y - 0.1, 0.1))
    fringe = step(hairline - y, 0.03) + step(at_sides, 0.03) * step(0.15 - y, 0.1)
    cover = np.clip(fringe, 0, 1) * np.maximum(cap, head) * (y < 0.4)
    return blend(image, cover, hair * (0.75 + 0.25 * diffuse)[..., None])


def _cap(canvas: Canvas) -> Array:
    """Coverage of the hair seen around the head."""
    y, who = canvas.y, canvas.who
    half_height, lowest = who.head.crown - 0.12, 0.25 + who.hair.sideburns
    rise = (y + 0.2) / half_height
    half_width = 1.1 * who.head.half_width * np.sqrt(np.clip(1 - rise**2, 0, 1)) - 0.03
    return canvas.edge(half_width - canvas.ax, 1.2) * (np.abs(rise) < 1) * step(lowest - y, 0.05)
