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


def magnify_clip(
    clip: ClipCache, out: CacheWriter, settings: Motion, method: str, device: str
) -> None:
    """Magnify a clip by one method, on `device`; the crops are rounded to 8 bits.

    The attributes hold the method, alpha, the temporal filter, its pass-band, and what it passes in
    a clip of this length: `filter_gain`, the range over the phases of an oscillation, and
    `realised_gain`, which alpha is multiplied with or, normalised, was divided by. ``in_parts``
    says how a long clip was cut. MicroexprError: the filter has no response for a clip of this
    length, or its frames are not evenly spaced in time.
    """
    from microexpr.magnify import stream  # noqa: PLC0415  (loads SciPy)

    attributes = clip.attributes
    fps = attributes.positive("fps")
    _check_even(clip, fps)
    parts = stream.long_clip_parts(len(clip), settings, fps, method)
    gain = stream.clip_gain(len(clip), settings, fps)
    attributes |= {
        "method": method,
        "alpha": settings.alpha if METHODS[method].uses_alpha else 0.0,
        "passband_hz": np.array(settings.passband_hz),
        "temporal_filter": settings.temporal_filter,
        "filter_gain": np.array([gain.smallest, gain.largest]),
        "realised_gain": gain.realised,
    }
    options: dict[str, Any] = {"method": method, "settings": settings, "fps": fps, "device": device}
    if parts:
        attributes["in_parts"] = str(parts)
        log.info("clip %s: %d frames, %s", clip.clip_id, len(clip), parts)
        blocks = stream.magnified_parts(clip.data, parts, **options)
    else:
        blocks = iter([stream.magnified_pixels(clip.data[:], **options)])
    with out.clip(clip.clip_id, **attributes) as group:
        group.extend(blocks, clip)
    log.info(
        "clip %s: the %s filter passes %.2f of the motion%s; %.2f to %.2f of an oscillation",
        *(clip.clip_id, settings.temporal_filter, gain.realised),
        ", by which alpha is divided" if settings.normalise_gain else "",
        *(gain.smallest, gain.largest),
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


def clip_features(
    clip: ClipCache, out: CacheWriter, network: Backbone, settings: Features, device: str
) -> None:
    """Run the frozen blocks over the crops of a clip, magnified or not, on `device`."""
    batch = batch_frames(settings, device)
    attributes = {"method": "none", **clip.attributes, "backbone": network.name}
    parts = (clip.data[start : start + batch] for start in range(0, len(clip), batch))
    blocks = (frame_features(crops, network, settings, device) for crops in parts)
    with out.clip(clip.clip_id, **attributes, cut=settings.cut) as group:
        group.extend(blocks, clip)
    log.info("clip %s: %d frames", clip.clip_id, group.length)
