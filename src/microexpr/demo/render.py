"""A frontal face drawn from parameters alone, in layers: no photograph, no model."""

from dataclasses import dataclass

import cv2
import numpy as np

from microexpr.demo import identity
from microexpr.demo.identity import TIP_ABOVE_WINGS, Array, Identity, Triple, bump, step

WIDEST_Y = 0.3  # where the head is widest: just below the eyes
SKULL = 2.3  # exponent of the outline above that line
GLOSS, GLOSS_POWER = 26.0, 28  # grey levels of a highlight
LIP_RED = np.array((196.0, 74.0, 82.0), dtype=np.float32)
WHITE_OF_EYE = np.array((226.0, 220.0, 216.0), dtype=np.float32)
LASHES = (30.0, 22.0, 20.0)
IRIS_RADIUS, PUPIL_RADIUS = 0.108, 0.045
IRIS_Y = -0.012  # the gaze is level, the upper lid covers the top of the iris
LENS_SD_PX = 0.55  # no camera is sharp to the pixel; also limits the bandwidth before warping


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
    def of(cls, who: Identity) -> "Canvas":
        """Lay out the picture of `who`."""
        x, y = identity.canonical_grid(who.placement)
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
