"""Dense optical flow between two frames, and optical strain.

The published systems use TV-L1, which OpenCV's main package does not hold. Farnebäck's polynomial
expansion (SCIA 2003) serves instead: on motion of half a pixel under sensor noise it follows the
true displacement, which the faster DIS does not.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WINDOW_PX = 21  # over which motion is taken as the same: noise against detail
LEVELS = 3
ITERATIONS = 5
NEIGHBOURHOOD_PX, SIGMA_PX = 7, 1.5  # of the polynomial expansion

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


def flow(first: Image, second: Image) -> Floats:
    """Give the displacement that takes the first frame to the second.

    Parameters
    ----------
    first, second : ndarray, shape (H, W), uint8
        Grey frames.

    Returns
    -------
    ndarray, shape (2, H, W), float32
        Horizontal (to the right) and vertical (downwards) displacement, px.
    """
    field = cv2.calcOpticalFlowFarneback(  # type: ignore[call-overload] # None is not in the stubs
        first, second, None, 0.5, LEVELS, WINDOW_PX, ITERATIONS, NEIGHBOURHOOD_PX, SIGMA_PX, 0
    )
    return np.ascontiguousarray(field.transpose(2, 0, 1))


def strain(field: Floats) -> Floats:
    """Give the magnitude of the optical strain of a flow (2, H, W): (H, W), px per px.

    The Frobenius norm of the infinitesimal strain tensor, ``(grad u + grad u^T) / 2``, as in Liong
    et al. (FG 2019, eq. 4). A translation of the whole face has none.
    """
    (u_y, u_x), (v_y, v_x) = (np.gradient(component) for component in field)
    return np.sqrt(u_x**2 + v_y**2 + (u_y + v_x) ** 2 / 2).astype(np.float32)


def shrunk(maps: Floats, size_px: int) -> Floats:
    """Shrink maps (C, H, W) to (C, size_px, size_px) by averaging; values keep their unit."""
    sized = [cv2.resize(m, (size_px, size_px), interpolation=cv2.INTER_AREA) for m in maps]
    return np.stack(sized)
