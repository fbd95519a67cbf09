"""A frontal face drawn from parameters alone: no photograph, no model."""

from __future__ import annotations

import cv2
import numpy as np

from microexpr.demo import features, relief, scene, skin
from microexpr.demo.canvas import Canvas
from microexpr.demo.geometry import Array
from microexpr.demo.identity import Identity

LENS_SD_PX = 0.55  # no camera is sharp to the pixel; also band-limits what will be warped


def render(who: Identity) -> Array:
    """Draw a person at rest.

    Parameters
    ----------
    who : Identity
        Whom.

    Returns
    -------
    ndarray
        Picture without noise, float32 (480, 640, 3) RGB, 0 to 255, not rounded: clips are warped
        from it at fractions of a pixel.
    """
    canvas = Canvas.of(who)
    diffuse, gloss = relief.shading(canvas, relief.height_map(canvas))
    face = features.nostrils(canvas, features.lips(canvas, skin.albedo(canvas)))
    face = face * diffuse[..., None] + (gloss * (1 - 0.5 * who.skin.beard))[..., None]
    face = features.brows(canvas, features.eyes(canvas, face))
    image = scene.head_and_hair(canvas, scene.behind(canvas), face, diffuse)
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), LENS_SD_PX).clip(0, 255)
