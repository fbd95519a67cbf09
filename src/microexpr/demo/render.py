"""A frontal face drawn from parameters alone: no photograph, no model."""

import cv2
import numpy as np

from microexpr.demo.identity import Array, Identity, bump, step
from microexpr.demo.skin import Canvas, albedo, blend, height_map, scaled, shading

LIP_RED = np.array((196.0, 74.0, 82.0), dtype=np.float32)
WHITE_OF_EYE = np.array((226.0, 220.0, 216.0), dtype=np.float32)
LASHES = (30.0, 22.0, 20.0)
IRIS_RADIUS, PUPIL_RADIUS = 0.108, 0.045
IRIS_Y = -0.012  # the gaze is level, the upper lid covers the top of the iris
LENS_SD_PX = 0.55  # no camera is sharp to the pixel; also limits the bandwidth before warping


def behind(canvas: Canvas) -> Array:
    """Return wall, ears, neck and clothing, float32 (480, 640, 3) RGB."""
    x, ax, y, who = canvas.x, canvas.ax, canvas.y, canvas.who
    skin, head = scaled(who.skin.colour, 1), who.head
    falloff = 1 - 0.07 * x - 0.05 * y
    image = falloff[..., None] * np.asarray(who.setting.background, dtype=np.float32)

    ears = step(1 - np.hypot((ax - head.half_width) / 0.13, (y - 0.3) / 0.33), 0.04)
    light = 0.55 + 0.25 * bump(ax, y, (head.half_width * 1.04, 0.22), (0.06, 0.2))
    image = blend(image, ears, light[..., None] * skin)

    half_width = 0.62 * head.half_width + 0.12 * np.clip(y - 1.7, 0, 1) ** 2
    neck = canvas.edge(half_width - ax, 1.2) * step(y - 1.0, 0.02)
    roundness = np.sqrt(np.clip(1 - (x / (half_width + 0.05)) ** 2, 0.4, 1))
    chin_shadow = 1 - 0.45 * np.exp(-np.clip(y - head.chin_y, 0, 9) / 0.25)
    image = blend(image, neck, (0.72 * roundness * chin_shadow)[..., None] * skin)

    collar = 0.25 * np.exp(-((ax / 0.62) ** 2))
    shoulder = 1.98 + 0.28 * np.clip(ax - 0.55, 0, 9) ** 0.8 + collar
    folds = np.clip(0.8 + 0.06 * canvas.texture(14) - 0.05 * ax, 0.2, 1.2)
    cloth = folds[..., None] * scaled(who.setting.cloth, 1)
    return blend(image, canvas.edge(y - shoulder, 1), cloth)


def head_and_hair(canvas: Canvas, image: Array, face: Array, diffuse: Array) -> Array:
    """Draw the hair behind the head, the face and the hair of the brow over `image`."""
    x, ax, y, who = canvas.x, canvas.ax, canvas.y, canvas.who
    streaks = canvas.texture(1.0, 7)
    sheen = bump(x, y, (0.3 * who.setting.light[0], -1.25), (0.5, 0.12))
    tone = np.clip(1 + 0.22 * streaks + 0.35 * sheen, 0.4, 2.2)
    hair = tone[..., None] * scaled(who.hair.colour, 1)

    half_height, lowest = who.head.crown - 0.12, 0.25 + who.hair.sideburns
    rise = (y + 0.2) / half_height
    half_width = 1.1 * who.head.half_width * np.sqrt(np.clip(1 - rise**2, 0, 1)) - 0.03
    cap = canvas.edge(half_width - ax, 1.2) * (np.abs(rise) < 1) * step(lowest - y, 0.05)
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


def lips(canvas: Canvas, image: Array) -> Array:
    """Paint lips, the line between them and the mouth corners on the albedo."""
    mouth, skin, ax, y = canvas.who.mouth, canvas.who.skin, canvas.ax, canvas.y
    across = ax / mouth.half_width
    bulge = np.clip(1 - across**2, 0, 1)
    line = mouth.y + 0.012 * np.cos(4 * across) - 0.006
    bow = 1 + 0.18 * np.cos(7 * across) * (across < 0.5)
    top = line - mouth.upper * bulge**0.8 * bow
    bottom = line + mouth.lower * bulge**0.7
    inside = canvas.edge(y - top, 1.6) * canvas.edge(bottom - y, 1.6)
    inside *= canvas.edge(mouth.half_width - ax, 2)
    red = LIP_RED * (np.mean(skin.colour) / 175)
    colour = scaled(skin.colour, 1 - mouth.redness) + np.float32(mouth.redness) * red
    furrows = 1 + 0.06 * canvas.texture(0.7, 3)
    image = blend(image, 0.85 * inside * furrows, colour * 0.93)
    seam = np.exp(-0.5 * ((y - line) / 0.013) ** 2) * step(mouth.half_width * 0.98 - ax, 0.02)
    image = blend(image, 0.9 * seam, colour * 0.28)
    corners = 0.35 * bump(ax, y, (mouth.half_width, mouth.y), (0.035, 0.03))
    return blend(image, corners, scaled(skin.colour, 0.35))


def nostrils(canvas: Canvas, image: Array) -> Array:
    """Paint the nostrils and the shadow around the wings on the albedo."""
    nose, skin, ax, y = canvas.who.nose, canvas.who.skin, canvas.ax, canvas.y
    holes = 0.7 * bump(ax, y, (0.09, nose.wing_y + 0.065), (0.036, 0.018))
    image = blend(image, holes, scaled(skin.colour, 0.24))
    creases = 0.3 * bump(ax, y, (nose.half_width + 0.035, nose.wing_y + 0.02), (0.018, 0.06))
    base = 0.15 * bump(canvas.x, y, (0, nose.wing_y + 0.095), (0.13, 0.018))
    return blend(image, creases + base, scaled(skin.colour, 0.45))


def eyes(canvas: Canvas, image: Array) -> Array:
    """Draw both eyes, lids (parabolas) and lashes over the lit face."""
    shape, skin, y = canvas.who.eyes, canvas.who.skin, canvas.y
    across = (canvas.ax - 0.5) / shape.half_width
    bulge, reach = np.clip(1 - across**2, 0, 1), np.abs(across)
    tilted = y + shape.tilt * across
    upper, lower = -1.15 * shape.height * bulge**0.75, 0.8 * shape.height * bulge**0.9
    opening = canvas.edge(tilted - upper, 1.2) * canvas.edge(lower - tilted, 1.2)
    opening *= step(1 - reach, 0.02)
    lid_shadow = 0.62 + 0.38 * step(tilted - upper - 0.035, 0.02)
    white = WHITE_OF_EYE * (lid_shadow * (1 - 0.25 * np.clip(reach, 0, 1)))[..., None]
    image = blend(image, opening, 0.9 * _iris(canvas, white))
    lashes = 0.9 * np.exp(-0.5 * ((tilted - upper + 0.006) / 0.014) ** 2) * (reach < 1.04)
    lashes += 0.25 * np.exp(-0.5 * ((tilted - lower) / 0.012) ** 2) * (reach < 1)
    image = blend(image, np.clip(lashes, 0, 1), LASHES)
    crease = np.exp(-0.5 * ((tilted - 1.1 * upper + 0.055) / 0.014) ** 2) * step(1.1 - reach, 0.1)
    return blend(image, 0.33 * crease, scaled(skin.colour, 0.4))


def _iris(canvas: Canvas, image: Array) -> Array:
    x, y, who = canvas.x, canvas.y, canvas.who
    out, down = canvas.ax - 0.5, y - IRIS_Y
    radius = np.hypot(out, down)
    disc = canvas.edge(IRIS_RADIUS - radius, 1.2)
    fibres = 1 + 0.15 * np.sin(23 * np.arctan2(down, out) + 5 * canvas.texture(2))
    dark_rim = 1 - 0.5 * step(radius - 0.085, 0.01)
    colour = (fibres * dark_rim)[..., None] * np.asarray(who.eyes.iris, dtype=np.float32)
    image = blend(image, disc, colour)
    image = blend(image, canvas.edge(PUPIL_RADIUS - radius, 1.2), (8, 8, 8))
    lamp_side = 0.03 * np.sign(who.setting.light[0])
    glint = 0.9 * bump(x - 0.5 * np.sign(x), y, (lamp_side, -0.045), 0.016)
    return blend(image, glint, (250, 250, 250))


def brows(canvas: Canvas, image: Array) -> Array:
    """Draw the eyebrows over the lit face."""
    shape = canvas.who.brows
    across = (canvas.ax - 0.47) / 0.3
    middle = shape.y - shape.arch * (1 - (across - 0.25) ** 2) + 0.015
    thickness = shape.thickness * (1 - 0.35 * np.clip(across, -1, 1))  # thins out to the temple
    area = np.exp(-0.5 * (np.abs(canvas.y - middle) / thickness) ** 3)
    area *= step(1 - np.abs(across), 0.06)
    strokes = 0.9 + 0.2 * canvas.texture(1.2, 0.7)
    cover = np.clip(shape.density * area * strokes, 0, 0.96)
    return blend(image, cover, scaled(canvas.who.hair.colour, 0.75))


def render(who: Identity) -> Array:
    """Draw a person at rest, without noise and rounding: float32 (480, 640, 3) RGB, 0 to 255."""
    canvas = Canvas.of(who)
    diffuse, gloss = shading(canvas, height_map(canvas))
    face = nostrils(canvas, lips(canvas, albedo(canvas)))
    face = face * diffuse[..., None] + (gloss * (1 - 0.5 * who.skin.beard))[..., None]
    face = brows(canvas, eyes(canvas, face))
    image = head_and_hair(canvas, behind(canvas), face, diffuse)
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), LENS_SD_PX).clip(0, 255)
