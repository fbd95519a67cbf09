"""How much memory a clip takes, known before it is read."""

from __future__ import annotations

from microexpr.apps.magnify_video.engine import Task
from microexpr.errors import ConfigError
from microexpr.magnify.phase_magnifier import KEPT_BYTES, KEPT_CLIPS

GB = 1e9
# Measured on clips of 60 to 301 frames, 528x592 and 960x544 px, and rounded up.
PROGRAM_BYTES = 0.4e9  # interpreter and libraries
ENCODER_BYTES = 150  # a pixel of an output: x264 looks ahead
# Working memory of the methods, in float32 clips of the magnified window, beside the clip itself
# and the results: once, and for each alpha.
WORKING_CLIPS = {"amm": (0.2, 0.0), "pmm": (0.9, 0.7), "filter_only": (0.2, 0.0)}
PHASE_CLIPS = 1.9  # beside them, where little of the bands is kept: phases of the finest bands
FILTER_BYTES = 200  # a frame squared: the temporal filter is designed on a lengthened clip


def estimate_bytes(
    task: Task, *, held_frames: int, pixels: int, bits: int, encoded_pixels: int
) -> float:
    """Peak memory of magnification.

    Parameters
    ----------
    task : Task
    held_frames : int
        Frames in memory at a time: all of the clip, or a window of it.
    pixels, bits : int
        Of a frame, and of its luma.
    encoded_pixels : int
        Of a frame of the output.
    """
    alphas = len(task.alphas)
    originals = held_frames * pixels * (1.5 if bits == 8 else 2.5)
    encoders = alphas * encoded_pixels * ENCODER_BYTES
    clip = held_frames * task.region.pixels * 4
    once, for_each = WORKING_CLIPS[task.method]
    clips = 1 + once + (1 + for_each) * alphas
    if task.chroma_gain:
        clips += (3 + 2 * alphas) / 4
    working = clips * clip + (_phase_bytes(clip) if task.method == "pmm" else 0.0)
    return PROGRAM_BYTES + encoders + originals + working + FILTER_BYTES * held_frames**2


def _phase_bytes(clip_bytes: float) -> float:
    """Phases and kept coefficients of the finest bands."""
    return max(PHASE_CLIPS * clip_bytes, min(KEPT_CLIPS * clip_bytes, KEPT_BYTES))


def check(needed_bytes: float, limit_bytes: float, *, name: str, streamed: bool) -> None:
    """Refuse a clip that takes more than allowed.

    Raises
    ------
    ConfigError
        With both numbers and what would help.
    """
    if needed_bytes > limit_bytes:
        parts = "" if streamed else "work in parts with --stream, "
        raise ConfigError(
            f"{name} needs about {needed_bytes / GB:.1f} GB of memory, the limit is "
            f"{limit_bytes / GB:g} GB: raise it with --max-memory, {parts}or take a smaller --roi "
            "or fewer --alpha"
        )
