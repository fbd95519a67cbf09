"""Stage crop: one similarity transform per clip, with what the detector saw in each frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from microexpr.config import Crop
from microexpr.config.base import Settings
from microexpr.errors import Faults
from microexpr.fingerprints.code import Code
from microexpr.stages import Reads, Writes


class CropSettings(Settings):
    """What the crops follow from."""

    crop: Crop


def crop(
    settings: CropSettings,
    *,
    frames: Annotated[Path, Reads("cache of frames")],
    faces: Annotated[Path, Writes("cache of faces")],
) -> None:
    """Crop the faces, one transform per clip.

    CollectedError has one message per clip that has no face in its first frames, or in too few of
    its frames.
    """
    from microexpr.cache import create, open_cache
    from microexpr.cache.clips import crop_clip
    from microexpr.cache.provenance import provenance
    from microexpr.face.detection import face_detector
    from microexpr.runtime.progress import track
    from microexpr.runtime.resources import released

    made = provenance(Code("crop"), settings.plain(), [frames])
    detector, faults = face_detector(settings.crop), Faults()
    with (
        open_cache(frames, "frames") as source,
        # Sensor noise hardly compresses (26 % with gzip), and takes more time than the crop itself.
        create(faces, "faces", made, title="Face crops", compression="none") as out,
    ):
        for clip in released(track(source.clip_ids, "crop")):
            with faults.noted(clip):
                crop_clip(source[clip], out, detector, settings.crop)
        faults.stop()
