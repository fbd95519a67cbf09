"""Frames of one clip: a still face that is warped, lit and recorded by a noisy camera.

Displacement fields are the expression, and motion that has no meaning. An action unit (FACS) is a
set of Gaussian-weighted moves of points of one half of the face, mirrored to the other half with a
little asymmetry. The classes differ in their action units only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.nn.functional import grid_sample

from microexpr.config import Demo
from microexpr.demo import FPS, identity
from microexpr.demo.identity import HEIGHT_PX, WIDTH_PX, Array, Identity, bump, to_picture_axes
from microexpr.demo.plan import PlannedClip, Stream, Timing, generator
from microexpr.demo.render import render

ROI_WIDTH_PX, ROI_HEIGHT_PX = 272, 320  # the part that moves and has noise
ENLARGED = 5  # odd: pixel centres coincide, so that without motion a frame is the still
Window = tuple[slice, slice]  # rows and columns of the picture
WALK_HZ = (0.3, 3.0)
WALK_TERMS = 6
ROLL_RAD_PER_PX, ZOOM_PER_PX = 0.004, 0.003  # at the rim of a face, about as large as the drift
DISTRACTIONS = 3
HEAD_RADIUS = 1.6  # canonical; nothing moves outside


class Move(NamedTuple):
    """A point, its direction of motion, and the reach (sd) of the skin that follows."""

    x: float
    y: float
    dx: float
    dy: float
    sd: float


# Action units of a class: those that may occur, and those of which at least one does.
REPERTOIRES = {
    "negative": ((4, 7, 15), (4, 15)),
    "positive": ((6, 12), (12,)),
    "surprise": ((1, 2, 5, 26), (1, 2)),
}


def action_units(who: Identity) -> dict[int, tuple[Move, ...]]:
    """Return the moves of each action unit on this face, on its right half in the picture."""
    brow, mouth, chin = who.brows.y, who.mouth, who.head.chin_y
    corner = mouth.half_width
    return {
        1: (Move(0.2, brow, 0, -1, 0.16),),  # inner brow raiser
        2: (Move(0.62, brow, 0, -0.9, 0.17),),  # outer brow raiser
        # brow lowerer
        4: (Move(0.18, brow, -0.45, 0.85, 0.17), Move(0.5, brow + 0.03, -0.1, 0.5, 0.14)),
        5: (Move(0.5, -0.1, 0, -0.6, 0.09),),  # upper lid raiser
        6: (Move(0.6, 0.32, -0.05, -0.8, 0.2), Move(0.72, 0.05, -0.2, -0.25, 0.1)),  # cheek raiser
        7: (Move(0.5, 0.09, 0, -0.5, 0.1), Move(0.5, -0.08, 0, 0.35, 0.08)),  # lid tightener
        12: (Move(corner, mouth.y, 0.65, -0.8, 0.18),),  # lip corner puller
        15: (Move(corner, mouth.y, 0.1, 0.95, 0.17),),  # lip corner depressor
        26: (Move(0.12, mouth.y + 0.12, 0, 0.9, 0.2), Move(0.1, chin - 0.25, 0, 1, 0.28)),  # jaw
    }


@dataclass(frozen=True)
class Action:
    """The expression of one clip."""

    units: tuple[int, ...]  # action units, ascending
    weights: tuple[float, ...]  # their relative strengths
    asymmetry: float  # gain 1 + it in the right half of the picture, 1 - it in the left half
    peak_px: float  # largest displacement at the apex

    @classmethod
    def draw(cls, label: str, amplitude_px: float, rng: np.random.Generator) -> "Action":
        """Draw action units of a class; the peak is `amplitude_px` times U(0.7, 1.3)."""
        possible, cores = REPERTOIRES[label]
        core = int(rng.choice(cores))
        joins = rng.random(len(possible)) < 0.6
        units = [u for u, joined in zip(possible, joins, strict=True) if joined or u == core]
        weights = tuple(rng.uniform(0.6, 1.2, len(units)).tolist())
        asymmetry = float(rng.normal(0, 0.15))
        return cls(tuple(units), weights, asymmetry, float(amplitude_px * rng.uniform(0.7, 1.3)))

    def field(self, who: Identity, x: Array, y: Array) -> Array:
        """Return the displacement at canonical points, largest norm 1, float32 (2, h, w)."""
        moves = action_units(who)
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for unit, weight in zip(self.units, self.weights, strict=True):
            for move in moves[unit]:
                for side in (1, -1):
                    gain = weight * (1 + side * self.asymmetry)
                    pull = gain * bump(x, y, (side * move.x, move.y), move.sd)
                    dx += side * move.dx * pull
                    dy += move.dy * pull
        return to_picture_axes(who.placement, *unit_peak(dx, dy))


def unit_peak(dx: Array, dy: Array) -> tuple[Array, Array]:
    """Scale a vector field to a largest norm of 1."""
    peak = np.hypot(dx, dy).max()
    return dx / peak, dy / peak


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
    """Changes of one clip that have no meaning."""

    head: Array  # shift x, shift y (px), roll (rad), zoom; float32 (frames, 4), 0 at the start
    distraction: Array  # course of motion that is the same in all classes, px, float32 (frames,)
    blobs: Array  # parts of that motion: canonical x, y, sd, direction (rad); (3, 4)
    gaze_px: float  # step of the gaze, positive to the right of the picture
    gaze_frame: int  # first frame after the step
    gain: Array  # brightness, float32 (frames,)

    @classmethod
    def draw(cls, settings: Demo, frames: int, rng: np.random.Generator) -> "Nuisance":
        """Draw the nuisances of a clip; a setting scales its part and leaves the rest unchanged."""
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
        gain = (1 + settings.flicker * flicker).astype(np.float32)
        distraction = course * np.float32(settings.distraction * settings.amplitude_px)
        return cls(head, distraction, blobs, side * settings.gaze_px, gaze_frame, gain)

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
    """Return displacements (4, 2, h, w), px, by 1 px of shift x and y, 1 rad of roll, zoom 1."""
    radius = np.hypot(x, (y - 0.1) / 1.15)
    mask = identity.step(HEAD_RADIUS - radius, 0.05).astype(np.float32)
    arm_x, arm_y = to_picture_axes(who.placement, x, y - 0.6) * np.float32(who.placement.iod_px)
    one, zero = np.ones_like(mask), np.zeros_like(mask)
    rigid = np.stack([(one, zero), (zero, one), (-arm_y, arm_x), (arm_x, arm_y)])
    return (rigid * mask).astype(np.float32)


@dataclass(frozen=True)
class Scenario:
    """Everything that happens in a clip, drawn and not yet rendered."""

    clip: PlannedClip
    who: Identity
    window: Window
    when: Timing
    actions: tuple[Action, ...]  # one after the other
    nuisance: Nuisance
    # Displacement: actions, motion without meaning, gaze, head (4); float32 (7 or 8, 2, h, w).
    fields: Array
    # Factors of the fields in each frame, float32 (frames, 7 or 8); the weighted sum is in px.
    courses: Array

    @classmethod
    def draw(cls, clip: PlannedClip, settings: Demo, who: Identity) -> "Scenario":
        """Draw what happens in a clip of `who`."""
        seed, subject, key = settings.seed, clip.subject_number, clip.key
        when = Timing.of(settings, clip)
        action_rng = generator(seed, subject, key, Stream.ACTION)
        shown, size_px = clip.shown(settings), settings.amplitude_px
        actions = tuple(Action.draw(label, size_px, action_rng) for label in shown)
        nuisance_rng = generator(seed, subject, key, Stream.NUISANCE)
        nuisance = Nuisance.draw(settings, when.frames, nuisance_rng)
        # The part that changes: around the face, within the picture.
        face, limit = who.placement, (WIDTH_PX - ROI_WIDTH_PX, HEIGHT_PX - ROI_HEIGHT_PX)
        middle = np.array([face.x_px, face.y_px + 0.12 * face.iod_px]).astype(int)
        left, top = np.clip(middle - (ROI_WIDTH_PX // 2, ROI_HEIGHT_PX // 2), 0, limit).tolist()
        window = slice(top, top + ROI_HEIGHT_PX), slice(left, left + ROI_WIDTH_PX)
        x, y = (part[window] for part in identity.canonical_grid(face))
        moved = [action.field(who, x, y) for action in actions]
        moved += [nuisance.distraction_field(who, x, y), gaze_field(who, x, y)]
        fields = np.concatenate([np.stack(moved), head_fields(who, x, y)])
        gaze = nuisance.gaze_px * (np.arange(when.frames) >= nuisance.gaze_frame)
        own = np.array([action.peak_px for action in actions]) * when.courses()
        others = np.stack([nuisance.distraction, gaze], axis=1)
        courses = np.concatenate([own, others, nuisance.head], axis=1).astype(np.float32)
        return cls(clip, who, window, when, actions, nuisance, fields, courses)

    @property
    def apex_displacement_px(self) -> Array:
        """The expression's displacement at the apex without nuisances, float32 (2, h, w)."""
        count = len(self.actions)
        return np.tensordot(self.courses[self.when.apex, :count], self.fields[:count], 1)


class Portrait(NamedTuple):
    """A person at rest."""

    who: Identity
    still: Array  # float32 (480, 640, 3) RGB, 0 to 255
    enlarged: torch.Tensor  # `ENLARGED` times as many pixels per side, float32 (1, 3, H, W)

    @classmethod
    def of(cls, who: Identity) -> "Portrait":
        """Draw a person at rest."""
        still = render(who)
        size = (WIDTH_PX * ENLARGED, HEIGHT_PX * ENLARGED)
        enlarged = torch.empty(1, 3, size[1], size[0])
        for channel, plane in enumerate(cv2.split(still)):
            out = enlarged[0, channel].numpy()
            cv2.resize(plane, size, dst=out, interpolation=cv2.INTER_LANCZOS4)
        return cls(who, still, enlarged)


def frames(scenario: Scenario, settings: Demo, portrait: Portrait) -> Iterator[Array]:
    """Yield a clip's frames, uint8 (480, 640, 3) RGB: the same array each time, overwritten."""
    clip, window = scenario.clip, scenario.window
    rng = generator(settings.seed, clip.subject_number, clip.key, Stream.NOISE)
    frame = np.round(portrait.still).astype(np.uint8)
    # The still is enlarged: bicubic interpolation would move fine texture by up to 1.25 times.
    for grid, gain in zip(_sampling_grids(scenario), scenario.nuisance.gain, strict=True):
        warped = grid_sample(
            portrait.enlarged, grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        part = warped[0].permute(1, 2, 0).numpy()
        seen = rng.standard_normal(part.shape, dtype=np.float32)
        seen *= np.float32(settings.noise_sigma)
        seen += part * gain
        frame[window] = np.clip(np.rint(seen, out=seen), 0, 255, out=seen)
        yield frame


def _sampling_grids(scenario: Scenario) -> Iterator[torch.Tensor]:
    """Yield where each frame's pixels lie in the still, in torch's units; float32 (1, h, w, 2)."""
    rows, columns = scenario.window
    x, y = np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop))
    size = np.array((WIDTH_PX, HEIGHT_PX), dtype=np.float32)  # torch: -1 and 1 are the outer edges
    at_rest = ((2 * np.stack([x, y], axis=-1) + 1) / size - 1).astype(np.float32)
    fields = scenario.fields.transpose(0, 2, 3, 1) * (2 / size)
    flat = np.ascontiguousarray(fields, dtype=np.float32).reshape(len(fields), -1)
    for course in scenario.courses:
        moved = at_rest - (course @ flat).reshape(at_rest.shape)
        yield torch.from_numpy(moved)[None]
