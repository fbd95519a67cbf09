"""Stage crop: one similarity transform a clip, with what the detector saw in each frame."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from microexpr import cache
from microexpr.cache.provenance import provenance
from microexpr.config import Config
from microexpr.config import Crop as CropSettings
from microexpr.errors import DataError, Faults
from microexpr.face.detection import FaceDetector, face_detector
from microexpr.face.tracking import FollowedFace
from microexpr.face.transform import CropTransform, JitterMeter, clip_transform
from microexpr.fingerprints.code import Code
from microexpr.runtime.progress import track
from microexpr.runtime.resources import released
from microexpr.stages import part

log = logging.getLogger(__name__)
CHUNK = 32  # frames
OUTSIDE_TOLD = 0.01  # share of the crop
NO_BOX = np.full(4, np.nan, np.float32)


def run(config: Config, source: Path, output: Path) -> None:
    """Crop the clips of a shard.

    Parameters
    ----------
    config : Config
        Section ``crop``.
    source : Path
        Cache of kind frames.
    output : Path
        Cache of kind faces. Each clip's attributes hold the transform, the landmarks in crop
        pixels, the share of frames with a face and the residual jitter.

    Raises
    ------
    CollectedError
        With one message per clip that has no face in its first frames, or in too few of its frames.
    """
    settings = config.crop
    made = provenance(Code("crop"), part(config, "crop"), [source])
    detector, faults = face_detector(settings), Faults()
    with (
        cache.open_cache(source, "frames") as frames,
        # Sensor noise hardly compresses (26 % with gzip), and takes more time than the crop itself.
        cache.create(output, "faces", made, title="Face crops", compression="none") as out,
    ):
        for clip in released(track(frames.clip_ids, "crop")):
            with faults.noted(clip):
                _crop_clip(frames[clip], out, detector, settings)
        faults.stop()


def _crop_clip(
    clip: cache.ClipCache,
    out: cache.CacheWriter,
    detector: FaceDetector | None,
    settings: CropSettings,
) -> None:
    first = clip.data[: settings.first_frames]
    # With several faces in sight, one of them is cropped in all frames.
    face = FollowedFace(detector, first) if detector else None
    found = face.found if face else []
    transform = clip_transform(clip.clip_id, first.shape, found, settings)
    jitter, detected = JitterMeter(), 0
    numbers, times = clip["frame"], clip["time"]
    with out.clip(clip.clip_id, **clip.attributes) as group:
        for start in range(0, len(clip), CHUNK):
            rows = slice(start, start + CHUNK)
            rgb = clip.data[rows]
            crops = transform.apply(rgb)
            jitter.add(crops)
            boxes = [_box(face, frame) for frame in rgb]
            seen = np.array([np.isfinite(box[0]) or face is None for box in boxes])
            detected += int(seen.sum())
            group.append(
                crops,
                frame=numbers[rows],
                time=times[rows],
                detected=seen,
                box=np.stack(boxes),
            )
        share = detected / len(clip)
        outside = transform.outside(*first.shape[1:3]) if face else 0.0
        group.attributes.update(
            transform=transform.matrix.ravel(),
            detected_share=share,
            jitter_px=jitter.rms_px,
            outside_share=outside,
            **_about(face, transform),
        )
    if share < settings.min_detected:
        raise DataError(
            f"clip {clip.clip_id}: a face in {detected} of {len(clip)} frames, "
            f"crop.min_detected asks for {settings.min_detected:.0%}"
        )
    _tell(clip.clip_id, face, outside)
    log.info("clip %s: jitter %.3f px, face in %.0f %%", clip.clip_id, jitter.rms_px, 100 * share)


def _about(face: FollowedFace | None, transform: CropTransform) -> dict[str, Any]:
    """Describe the face that is cropped, for the clip's attributes."""
    if face is None:
        return {}
    landmarks = np.median([detection.landmarks for detection in face.found], axis=0)
    return {"other_faces": face.others, "landmarks_px": transform.points(landmarks).ravel()}


def _tell(clip_id: str, face: FollowedFace | None, outside: float) -> None:
    """Say what the user may want to look at."""
    if face and face.others:
        x, y, width, height = face.found[0].box
        log.warning(
            "clip %s: %d faces in its first frames; the one of %.0fx%.0f px at x %.0f, y %.0f is "
            "cropped throughout",
            *(clip_id, face.others + 1, width, height, x, y),
        )
    if outside > OUTSIDE_TOLD:
        log.warning(
            "clip %s: %.0f %% of the crop lies outside the frame (a face at the border) and "
            "repeats its edge",
            *(clip_id, 100 * outside),
        )


def _box(face: FollowedFace | None, rgb: np.ndarray) -> np.ndarray:
    detection = face.detect(rgb) if face else None
    return detection.box if detection else NO_BOX
