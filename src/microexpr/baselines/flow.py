"""Dense optical flow between two frames, optical strain, and the apex: the frame of largest motion.

The published systems use TV-L1, which is not in OpenCV's main package. Farnebäck's polynomial
expansion (SCIA 2003) takes its place: on motion of half a pixel under sensor noise it follows the
true displacement, which the faster DIS does not.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from microexpr.baselines.base import Description, FaceClip, Floats
from microexpr.training.windows import moved_frame

WINDOW_PX = 21  # over which motion is taken as the same: noise against detail
LEVELS, ITERATIONS = 3, 5
NEIGHBOURHOOD_PX, SIGMA_PX = 7, 1.5  # of the polynomial expansion
FLOW_SIZE_PX = 112  # of the frames that the estimate of the apex looks at

Image = NDArray[np.uint8]


def flow(first: Image, second: Image) -> Floats:
    """Return the displacement from one grey frame (H, W) to another, px, (2, H, W): right, down."""
    field = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload] # None is not in the stubs
        first, second, None, 0.5, LEVELS, WINDOW_PX, ITERATIONS, NEIGHBOURHOOD_PX, SIGMA_PX, 0
    )
    return np.ascontiguousarray(field.transpose(2, 0, 1))


def strain(field: Floats) -> Floats:
    """Return the magnitude of the optical strain of a flow (2, H, W): (H, W), px per px.

    The Frobenius norm of the infinitesimal strain tensor, ``(grad u + grad u^T) / 2``, as in Liong
    et al. (FG 2019, arXiv:1902.03634, eq. 7). A translation of the whole face has none.
    """
    (u_y, u_x), (v_y, v_x) = (np.gradient(component) for component in field)
    return np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2).astype(np.float32)


def shrunk(maps: Floats, size_px: int) -> Floats:
    """Shrink maps (C, H, W) to (C, size_px, size_px) by averaging; values keep their unit."""
    sized = [cv2.resize(m, (size_px, size_px), interpolation=cv2.INTER_AREA) for m in maps]
    return np.stack(sized)


class Apex(NamedTuple):
    """Index of the apex frame, counted from the clip's first frame, and whether it is known."""

    frame: int
    known: bool


def apex_of(clip: FaceClip) -> Apex:
    """Return the known apex, else the frame of the largest flow; with the clip's error of it."""
    frame = _largest_flow(clip) if clip.apex is None else clip.apex
    last = len(clip.images) - 1
    frame = moved_frame(
        f"{clip.clip_id} apex", frame, clip.apex_error, least=min(1, last), most=last
    )
    return Apex(frame, known=clip.apex is not None)


def _largest_flow(clip: FaceClip) -> int:
    """Return the frame of the largest flow from the first one, the head's motion subtracted."""
    frames = clip.grey(FLOW_SIZE_PX)
    fields = [flow(frames[0], frame) for frame in frames]
    magnitudes = [
        np.hypot(*(field - np.median(field, axis=(1, 2), keepdims=True))).mean() for field in fields
    ]
    return int(np.argmax(magnitudes))


def flow_to_apex(clip: FaceClip, size_px: int) -> Description:
    """Measure flow, px, and strain from the first frame to the apex, (3, size_px, size_px)."""
    apex, frames = apex_of(clip), clip.grey()
    known = "known" if apex.known else "estimated"
    field = flow(frames[0], frames[apex.frame])
    maps = shrunk(np.concatenate([field, strain(field)[None]]), size_px)
    return Description(maps, f"apex {apex.frame} of {len(frames)}, {known}")
