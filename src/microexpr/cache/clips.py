"""A clip decoded and cropped, each into a cache. What needs PyTorch lies in `derived`."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from microexpr.cache.reader import ClipCache
from microexpr.cache.writer import CacheWriter
from microexpr.config import Crop
from microexpr.datasets import decoder
from microexpr.datasets.manifest import Clip
from microexpr.errors import DataError, about_clip
from microexpr.face.detection import FaceDetector, FollowedFace
from microexpr.face.transform import CropTransform, JitterMeter, clip_transform
from microexpr.video.time_axis import TimeAxis

log = logging.getLogger(__name__)
CHUNK = 32  # frames
REPORTED_OUTSIDE = 0.01  # share of the crop
NO_BOX = np.full(4, np.nan, np.float32)


def decode_clip(root: Path, clip: Clip, out: CacheWriter) -> str:
    """Decode a clip; return a checksum over the pixels of all frames. DataError names the frame.

    The attributes are ``fps``, ``frames_sha256``, the annotated ``apex`` as an index into the clip,
    and of a resampled one ``source_frames``, ``interpolated_frames`` and ``longest_gap_ms``.
    """
    with out.clip(clip.clip_id) as group:
        with about_clip(clip.clip_id):
            axis = decoder.clip_axis(root, clip)
            axis.check(decoder.frame_numbers(clip, axis), "resample")
        repeated, last = [], None
        for frames in decoder.decode(root, clip, axis=axis):
            repeated += _repeated(frames, last)
            last = frames.rgb[-1]
            group.append(frames.rgb, frame=frames.number, time=frames.time)
        group.attributes["fps"] = axis.fps
        group.attributes["frames_sha256"] = digest = group.checksum()
        group.attributes.update(_of_time(clip, axis))
        if not axis.even:
            log.warning("clip %s: %s", clip.clip_id, axis.summary())
        if repeated:
            log.warning(
                "clip %s: %d of %d frames equal the one before, the first is frame %d: "
                "copied, or the camera stood still",
                *(clip.clip_id, len(repeated), group.length, repeated[0]),
            )
        log.info("clip %s: %d frames", clip.clip_id, group.length)
    return digest


def _repeated(frames: decoder.Frames, last: np.ndarray | None) -> list[int]:
    """Return the numbers of frames that are pixel by pixel the one before them."""
    before = [last, *frames.rgb[:-1]]
    pairs = zip(frames.number, frames.rgb, before, strict=True)
    return [int(n) for n, rgb, old in pairs if old is not None and np.array_equal(rgb, old)]


def _of_time(clip: Clip, axis: TimeAxis) -> dict[str, float]:
    """Describe the clip's time axis, and where on it the apex lies, for its attributes."""
    found: dict[str, float] = {}
    if clip.apex is not None:
        time_s = np.interp(clip.apex, decoder.frame_numbers(clip, axis), axis.times_s)
        # Where frames are missing in an even clip, the next one.
        found["apex"] = min(int(time_s * axis.fps + 0.5), len(axis) - 1)
    if not axis.even:
        found |= {"source_frames": len(axis.stamps), "interpolated_frames": axis.missing}
        found |= {"longest_gap_ms": 1000 * axis.gap()[1]}
    return found


def crop_clip(
    clip: ClipCache, out: CacheWriter, detector: FaceDetector | None, settings: Crop
) -> None:
    """Crop a clip: one similarity transform for all frames, the same in the attributes.

    `detector` is None for clips that are cropped already. DataError: no face in the clip's first
    frames, or in too few of its frames.
    """
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
            faces = [face.detect(frame) if face else None for frame in rgb]
            boxes = [one.box if one else NO_BOX for one in faces]
            seen = np.array([one is not None or face is None for one in faces])
            detected += int(seen.sum())
            group.append(
                crops, frame=numbers[rows], time=times[rows], detected=seen, box=np.stack(boxes)
            )
        share = detected / len(clip)
        outside = transform.outside(*first.shape[1:3]) if face else 0.0
        about = {"transform": transform.matrix.ravel(), "detected_share": share}
        about |= {"jitter_px": jitter.rms_px, "outside_share": outside}
        group.attributes.update(about | _of_face(face, transform))
    if share < settings.min_detected:
        raise DataError(
            f"clip {clip.clip_id}: a face in {detected} of {len(clip)} frames, "
            f"crop.min_detected asks for {settings.min_detected:.0%}"
        )
    _report(clip.clip_id, face, outside)
    log.info("clip %s: jitter %.3f px, face in %.0f %%", clip.clip_id, jitter.rms_px, 100 * share)


def _of_face(face: FollowedFace | None, transform: CropTransform) -> dict[str, Any]:
    """Describe the face that is cropped, for the clip's attributes."""
    if face is None:
        return {}
    landmarks = np.median([detection.landmarks for detection in face.found], axis=0)
    return {"other_faces": face.others, "landmarks_px": transform.points(landmarks).ravel()}


def _report(clip_id: str, face: FollowedFace | None, outside: float) -> None:
    """Log what the user may want to look at."""
    if face and face.others:
        x, y, width, height = face.found[0].box
        log.warning(
            "clip %s: %d faces in its first frames; the one of %.0fx%.0f px at x %.0f, y %.0f is "
            "cropped throughout",
            *(clip_id, face.others + 1, width, height, x, y),
        )
    if outside > REPORTED_OUTSIDE:
        log.warning(
            "clip %s: %.0f %% of the crop lies outside the frame (a face at the border) and "
            "repeats its edge",
            *(clip_id, 100 * outside),
        )
