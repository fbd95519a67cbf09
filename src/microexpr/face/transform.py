"""The detector and the one transform of a clip, as section ``crop`` asks for them."""

from __future__ import annotations

from microexpr.config import Crop
from microexpr.errors import DataError
from microexpr.face.detection import (
    CropTransform,
    Detection,
    FaceDetector,
    face_transform,
    whole_frame_transform,
)


def face_detector(settings: Crop) -> FaceDetector | None:
    """Return the detector of ``crop.detector``; None where the clips are cropped already."""
    if settings.detector == "none":
        return None
    return FaceDetector(min_score=settings.min_score, width_px=settings.detection_width_px)


def clip_transform(
    clip_id: str, shape: tuple[int, ...], found: list[Detection], settings: Crop
) -> CropTransform:
    """Fix the transform of a clip.

    Parameters
    ----------
    clip_id : str
        For the message.
    shape : tuple of int
        Of the clip's first frames, (T, y, x, 3); T is at most ``crop.first_frames``.
    found : list of Detection
        Faces in these frames.
    settings : Crop
        Section of the configuration.

    Raises
    ------
    DataError
        When there is no face.
    """
    if settings.detector == "none":
        return whole_frame_transform(shape[1], shape[2], settings.size_px)
    if not found:
        raise DataError(
            f"clip {clip_id}: no face in frames 0-{shape[0] - 1} "
            f"(crop.first_frames {settings.first_frames}, crop.min_score {settings.min_score})"
        )
    return face_transform(
        found, size_px=settings.size_px, margin=settings.margin, level_eyes=settings.level_eyes
    )
