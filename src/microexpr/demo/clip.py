"""Frames of one clip: a still face that is warped, lit and recorded by a noisy camera."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch.nn.functional import grid_sample

from microexpr.config import Demo
from microexpr.demo.identity import HEIGHT_PX, WIDTH_PX, Array, Identity, canonical_grid
from microexpr.demo.motion import Action, Nuisance, gaze_field, head_fields
from microexpr.demo.plan import PlannedClip, Stream, Timing, generator
from microexpr.demo.render import render

ROI_WIDTH_PX, ROI_HEIGHT_PX = 272, 320  # the part that moves and has noise
ENLARGED = 5  # odd: pixel centres coincide, so that without motion a frame is the still
Window = tuple[slice, slice]  # rows and columns of the picture


@dataclass(frozen=True)
class Scenario:
    """Everything that happens in a clip, drawn and not yet rendered."""

    clip: PlannedClip
    who: Identity
    window: Window
    when: Timing
    action: Action
    nuisance: Nuisance
    # Displacement: expression, motion without meaning, gaze, head (4); float32 (7, 2, h, w).
    fields: Array
    # Factors of the fields in each frame, float32 (frames, 7); the weighted sum is in px.
    courses: Array

    @classmethod
    def draw(cls, clip: PlannedClip, settings: Demo, who: Identity) -> Scenario:
        """Draw what happens in a clip of `who`."""
        seed, subject, key = settings.seed, clip.subject_number, clip.key
        when = Timing.of(settings, clip)
        action_rng = generator(seed, subject, key, Stream.ACTION)
        action = Action.draw(clip.shown(settings), settings.amplitude_px, action_rng)
        nuisance_rng = generator(seed, subject, key, Stream.NUISANCE)
        nuisance = Nuisance.draw(settings, when.frames, nuisance_rng)
        # The part that changes: around the face, within the picture.
        face, limit = who.placement, (WIDTH_PX - ROI_WIDTH_PX, HEIGHT_PX - ROI_HEIGHT_PX)
        middle = np.array([face.x_px, face.y_px + 0.12 * face.iod_px]).astype(int)
        left, top = np.clip(middle - (ROI_WIDTH_PX // 2, ROI_HEIGHT_PX // 2), 0, limit).tolist()
        window = slice(top, top + ROI_HEIGHT_PX), slice(left, left + ROI_WIDTH_PX)
        x, y = (part[window] for part in canonical_grid(face))
        fields = np.concatenate(
            [
                action.field(who, x, y)[None],
                nuisance.distraction_field(who, x, y)[None],
                gaze_field(who, x, y)[None],
                head_fields(who, x, y),
            ]
        )
        gaze = nuisance.gaze_px * (np.arange(when.frames) >= nuisance.gaze_frame)
        own = np.stack([action.peak_px * when.profile(), nuisance.distraction, gaze], axis=1)
        courses = np.concatenate([own, nuisance.head], axis=1).astype(np.float32)
        return cls(clip, who, window, when, action, nuisance, fields, courses)

    @property
    def apex_displacement_px(self) -> Array:
        """The expression's displacement at the apex without nuisances, float32 (2, h, w)."""
        return np.float32(self.action.peak_px) * self.fields[0]


class Portrait(NamedTuple):
    """A person at rest."""

    who: Identity
    still: Array  # float32 (480, 640, 3) RGB, 0 to 255
    enlarged: torch.Tensor  # `ENLARGED` times as many pixels per side, float32 (1, 3, H, W)

    @classmethod
    def of(cls, who: Identity) -> Portrait:
        """Draw a person at rest."""
        still = render(who)
        size = (WIDTH_PX * ENLARGED, HEIGHT_PX * ENLARGED)
        enlarged = torch.empty(1, 3, size[1], size[0])
        for channel, plane in enumerate(cv2.split(still)):
            out = enlarged[0, channel].numpy()
            cv2.resize(plane, size, dst=out, interpolation=cv2.INTER_LANCZOS4)
        return cls(who, still, enlarged)


def frames(scenario: Scenario, settings: Demo, portrait: Portrait) -> Iterator[Array]:
    """Yield a clip's frames, uint8 (480, 640, 3) RGB: the same array each time, overwritten.

    The still is enlarged: bicubic interpolation would move fine texture by up to 1.25 times.
    """
    clip, window = scenario.clip, scenario.window
    rng = generator(settings.seed, clip.subject_number, clip.key, Stream.NOISE)
    frame = np.round(portrait.still).astype(np.uint8)
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
