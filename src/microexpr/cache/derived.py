"""What is computed from a clip's crops, each into a cache: magnified crops, and features."""

import logging
from typing import Any

import numpy as np

from microexpr.backbones.base import Backbone, batch_frames, frame_features
from microexpr.cache.reader import ClipCache
from microexpr.cache.writer import CacheWriter
from microexpr.config import Features
from microexpr.config.preprocessing import Motion
from microexpr.errors import CacheError
from microexpr.magnify.methods import METHODS
from microexpr.video.rate import UNEVEN

log = logging.getLogger(__name__)
COORDINATES = ("frame", "time", "detected", "box")  # of each crop


def magnify_clip(
    clip: ClipCache, out: CacheWriter, settings: Motion, method: str, device: str
) -> None:
    """Magnify a clip by one method, on `device`; the crops are rounded to 8 bits.

    The attributes hold the method, alpha, the temporal filter, its pass-band, and what it passes in
    a clip of this length: `filter_gain`, the range over the phases of an oscillation, and
    `realised_gain`, which alpha is multiplied with or, normalised, was divided by. ``in_parts``
    says how a clip of more than 512 frames was cut, see :mod:`microexpr.magnify.clip_pixels`.
    MicroexprError: the filter has no response for a clip of this length, or its frames are not
    evenly spaced in time.
    """
    from microexpr.magnify.clip_pixels import (  # noqa: PLC0415  (loads SciPy)
        long_clip_parts,
        magnified_parts,
        magnified_pixels,
    )

    attributes = clip.attributes
    fps = attributes.positive("fps")
    _check_even(clip, fps)
    parts = long_clip_parts(len(clip), settings, fps, method)
    attributes |= _of_motion(len(clip), settings, fps, method)
    options: dict[str, Any] = {"method": method, "settings": settings, "fps": fps, "device": device}
    if parts:
        attributes["in_parts"] = str(parts)
        log.info("clip %s: %d frames, %s", clip.clip_id, len(clip), parts)
        blocks = magnified_parts(clip.data, parts, **options)
    else:
        blocks = iter([magnified_pixels(clip.data[:], **options)])
    coordinates = {name: clip[name] for name in COORDINATES}
    with out.clip(clip.clip_id, **attributes) as group:
        for pixels in blocks:
            rows = slice(group.length, group.length + len(pixels))
            group.append(pixels, **{name: values[rows] for name, values in coordinates.items()})
    log.info(
        "clip %s: the %s filter passes %.2f of the motion%s; %.2f to %.2f of an oscillation",
        *(clip.clip_id, settings.temporal_filter, attributes["realised_gain"]),
        ", by which alpha is divided" if settings.normalise_gain else "",
        *attributes["filter_gain"],
    )


def _check_even(clip: ClipCache, fps: float) -> None:
    """Raise CacheError where a clip has a gap: the filter would take it for none."""
    times = clip["time"]
    missed = np.abs((times - times[0]) * fps - np.arange(len(times)))
    if missed.max() > UNEVEN:
        frame = int(np.argmax(missed > UNEVEN))
        raise CacheError(
            f"frame {clip['frame'][frame]} at {times[frame]:.4g} s is not evenly spaced at {fps:g} "
            f"frames/s; delete {clip.group.file.filename} and run snakemake again"
        )


def _of_motion(n_frames: int, settings: Motion, fps: float, method: str) -> dict[str, Any]:
    """Describe the magnification of a clip, for its attributes."""
    from microexpr.magnify.clip_pixels import WHOLE_FRAMES  # noqa: PLC0415
    from microexpr.magnify.temporal import filter_gain, filtering_of  # noqa: PLC0415

    # A longer clip is cut, and its filter would be larger than the clip.
    gain = filter_gain(min(n_frames, WHOLE_FRAMES), **filtering_of(settings, fps))
    return {
        "method": method,
        "alpha": settings.alpha if METHODS[method].uses_alpha else 0.0,
        "passband_hz": np.array(settings.passband_hz),
        "temporal_filter": settings.temporal_filter,
        "filter_gain": np.array([gain.smallest, gain.largest]),
        "realised_gain": gain.realised,
    }


def clip_features(
    clip: ClipCache, out: CacheWriter, network: Backbone, settings: Features, device: str
) -> None:
    """Run the frozen blocks over the crops of a clip, magnified or not, on `device`."""
    batch = batch_frames(settings, device)
    attributes = {"method": "none", **clip.attributes, "backbone": network.name}
    coordinates = {name: clip[name] for name in COORDINATES}
    with out.clip(clip.clip_id, **attributes, cut=settings.cut) as group:
        for start in range(0, len(clip), batch):
            rows = slice(start, start + batch)
            group.append(
                frame_features(clip.data[rows], network, settings, device),
                **{name: values[rows] for name, values in coordinates.items()},
            )
    log.info("clip %s: %d frames", clip.clip_id, group.length)
