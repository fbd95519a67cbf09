"""Stage magnify: the clips of a shard, magnified by one method."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from microexpr import cache
from microexpr.cache.provenance import provenance
from microexpr.config import Config, Magnify
from microexpr.errors import MicroexprError
from microexpr.fingerprints.code import Code
from microexpr.magnify import realised_gain
from microexpr.magnify.clip_pixels import (
    expression_frames,
    long_clip_parts,
    magnified_parts,
    magnified_pixels,
)
from microexpr.magnify.methods import METHODS
from microexpr.runtime.progress import track
from microexpr.runtime.resources import released
from microexpr.stages import part

log = logging.getLogger(__name__)
KEPT_BYTES = 32e6  # to fetch it anew takes AMM 0.05 s a clip, and PMM nothing that can be seen


def run(config: Config, method: str, source: Path, output: Path, device: str = "cpu") -> None:
    """Magnify the clips of a shard. No label is read.

    Parameters
    ----------
    config : Config
        Section ``magnify``.
    method : str
        ``none`` needs no stage: its frames are the faces themselves.
    source : Path
        Cache of kind faces.
    output : Path
        Cache of kind magnified, rounded to 8 bit. Each clip's attributes hold the method, alpha,
        the temporal filter, its pass-band and what it really passes of a micro-expression of this
        length. Clips of more than 512 frames are worked on in parts, and ``in_parts`` says in
        which; see :mod:`microexpr.magnify.clip_pixels`.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    MicroexprError
        When the filter has no response for a clip of this length; the message names the clip.
    """
    read = part(config, "magnify", method=method)
    made = provenance(Code("magnify", method=method), read, [source])
    with (
        cache.open_cache(source, "faces") as faces,
        cache.create(
            output, "magnified", made, title=f"Face crops, {method}", compression="none"
        ) as out,
    ):
        for clip in released(track(faces.clip_ids, f"magnify {method}"), KEPT_BYTES):
            try:
                _magnify_clip(faces[clip], out, config, method, device)
            except MicroexprError as error:
                raise type(error)(f"clip {clip}: {error}") from None


def _magnify_clip(
    clip: cache.ClipCache, out: cache.CacheWriter, config: Config, method: str, device: str
) -> None:
    settings, attributes = config.magnify, clip.attributes
    fps = float(attributes["fps"])
    parts = long_clip_parts(len(clip), settings, fps, method)
    attributes |= _about(len(clip), settings, fps, method)
    if parts:
        attributes["in_parts"] = str(parts)
        log.info("clip %s: %d frames, %s", clip.clip_id, len(clip), parts)
        blocks = magnified_parts(
            clip.data, parts, method=method, settings=settings, fps=fps, device=device
        )
    else:
        whole = magnified_pixels(
            clip.data[:], fps=fps, settings=settings, method=method, device=device
        )
        blocks = iter([whole])
    coordinates = {name: clip[name] for name in ("frame", "time", "detected", "box")}
    with out.clip(clip.clip_id, **attributes) as group:
        for pixels in blocks:
            rows = slice(group.length, group.length + len(pixels))
            group.append(pixels, **{name: values[rows] for name, values in coordinates.items()})
    gain = attributes["realised_gain"]
    log.info(
        "clip %s: the %s filter passes %.2f of the motion",
        clip.clip_id,
        settings.temporal_filter,
        gain,
    )


def _about(n_frames: int, settings: Magnify, fps: float, method: str) -> dict[str, Any]:
    """Describe the magnification of a clip, for its attributes."""
    frames = expression_frames(n_frames, settings, fps)
    gain, correlation = realised_gain(
        frames,
        fps=fps,
        passband_hz=settings.passband_hz,
        temporal_filter=settings.temporal_filter,
        order=settings.order,
    )
    return {
        "method": method,
        "alpha": settings.alpha if METHODS[method].uses_alpha else 0.0,
        "passband_hz": np.array(settings.passband_hz),
        "temporal_filter": settings.temporal_filter,
        "realised_gain": gain,
        "realised_correlation": correlation,
        "realised_frames": frames,
    }
