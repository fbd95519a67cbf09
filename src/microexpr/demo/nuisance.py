"""What moves without meaning anything: drift of the head, gaze, other motion of the face, light.

All of it is drawn without the label and with the same distribution in every class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microexpr.config import Demo
from microexpr.demo.geometry import Array, bump, step, to_picture_axes
from microexpr.demo.identity import Identity
from microexpr.demo.motion import unit_peak
from microexpr.demo.names import FPS

WALK_HZ = (0.3, 3.0)
WALK_TERMS = 6
ROLL_RAD_PER_PX, ZOOM_PER_PX = 0.004, 0.003  # of drift: at the rim of a face about as large as it
DISTRACTIONS = 3
HEAD_RADIUS = 1.6  # canonical; beyond, nothing moves


def smooth_walk(frames: int, channels: int, rng: np.random.Generator) -> Array:
    """Return random paths of 0.3 to 3 Hz that start at 0, float32 (frames, channels)."""
    t = np.arange(frames)[:, None] / FPS
    size = (WALK_TERMS, channels)
    hz, phase = rng.uniform(*WALK_HZ, size), rng.uniform(0, 2 * np.pi, size)
    height = 2 * rng.normal(0, 1, size) / np.sqrt(WALK_TERMS) / (1 + hz)
    path = np.sum(height[:, None] * np.sin(2 * np.pi * hz[:, None] * t + phase[:, None]), axis=0)
    return (path - path[0]).astype(np.float32)


@dataclass(frozen=True)
class Nuisance:
    """The meaningless changes of one clip.

    Attributes
    ----------
    head : ndarray
        Shift x, shift y (px), roll (rad), zoom of the head; float32 (frames, 4), 0 at the start.
    distraction : ndarray
        Course of the class-free motion, px, float32 (frames,).
    blobs : ndarray
        Its parts: canonical x, y, sd, direction (rad); (3, 4).
    gaze_px : float
        Step of the gaze, positive to the right of the picture.
    gaze_frame : int
        First frame after the step.
    gain : ndarray
        Brightness, float32 (frames,).
    """

    head: Array
    distraction: Array
    blobs: Array
    gaze_px: float
    gaze_frame: int
    gain: Array

    @classmethod
    def draw(cls, settings: Demo, frames: int, rng: np.random.Generator) -> Nuisance:
        """Draw a clip's nuisances; a setting scales its part and leaves the rest as it was."""
        blobs = rng.uniform((-0.8, -0.5, 0.15, 0), (0.8, 1.3, 0.3, 2 * np.pi), (DISTRACTIONS, 4))
        course = smooth_walk(frames, 1, rng)[:, 0]
        course /= max(float(np.abs(course).max()), 1e-6)
        side = float(rng.choice((-1, 1)))
        per_px = np.array((1, 1, ROLL_RAD_PER_PX, ZOOM_PER_PX), dtype=np.float32)
        gaze_frame = int(rng.integers(min(3, frames - 1), frames))
        head = smooth_walk(frames, 4, rng) * per_px * np.float32(settings.drift_px)
        hum_hz, hum_phase = rng.uniform(0.5, 4), rng.uniform(0, 2 * np.pi)
        hum = np.sin(2 * np.pi * hum_hz * np.arange(frames) / FPS + hum_phase)
        flicker = hum + smooth_walk(frames, 1, rng)[:, 0]
        return cls(
            head=head,
            distraction=course * np.float32(settings.distraction * settings.amplitude_px),
            blobs=blobs,
            gaze_px=side * settings.gaze_px,
            gaze_frame=gaze_frame,
            gain=(1 + settings.flicker * flicker).astype(np.float32),
        )

    def distraction_field(self, who: Identity, x: Array, y: Array) -> Array:
        """Return the class-free motion at canonical points, largest norm 1, float32 (2, h, w)."""
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for at_x, at_y, sd, direction in self.blobs.tolist():
            blob = bump(x, y, (at_x, at_y), sd)
            dx += np.cos(direction) * blob
            dy += np.sin(direction) * blob
        return to_picture_axes(who.placement, *unit_peak(dx, dy))


def gaze_field(who: Identity, x: Array, y: Array) -> Array:
    """Return the displacement of both eyes by a gaze step of 1 px, float32 (2, h, w)."""
    shift = bump(np.abs(x), y, (0.5, 0), 0.13)
    return to_picture_axes(who.placement, shift, np.zeros_like(shift))


def head_fields(who: Identity, x: Array, y: Array) -> Array:
    """Return the displacements by 1 px of shift x and y, 1 rad of roll and a zoom of 1.

    The pivot lies in the middle of the face; the fields fade out around the head.

    Returns
    -------
    ndarray
        float32 (4, 2, h, w), px.
    """
    radius = np.hypot(x, (y - 0.1) / 1.15)
    mask = step(HEAD_RADIUS - radius, 0.05).astype(np.float32)
    arm_x, arm_y = to_picture_axes(who.placement, x, y - 0.6) * np.float32(who.placement.iod_px)
    one, zero = np.ones_like(mask), np.zeros_like(mask)
    rigid = np.stack([(one, zero), (zero, one), (-arm_y, arm_x), (arm_x, arm_y)])
    return (rigid * mask).astype(np.float32)
