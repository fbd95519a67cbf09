"""Temporal interpolation model (TIM): a clip resampled to a fixed number of frames.

Zhou, Zhao and Pietikäinen (CVPR 2011) embed the frames of a clip as a path graph. The eigenvectors
of its Laplacian, sampled from ``y_k(t) = sin(pi k t + pi (n - k) / (2 n))``, are a curve that can
be evaluated between the frames, and a linear map takes the curve back to pixels. At ``t = j / n``
these functions are ``cos(pi k (j - 1/2) / n)``: the orthogonal basis of the discrete cosine
transform. So the map, which the authors obtain from a singular value decomposition of the clip, has
a closed form that does not depend on the clip: a matrix of (frames out, frames in).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from microexpr.errors import DataError

Floats = NDArray[np.floating]


@lru_cache(maxsize=256)
def tim_matrix(n_frames: int, n_out: int) -> NDArray[np.float64]:
    """Return the matrix that maps a clip's frames to 2 or more frames at equal distances.

    Its rows sum to 1; the first and the last frame are unchanged. DataError without a frame, or for
    fewer than two.
    """
    if n_frames < 1 or n_out < 2:
        raise DataError(f"a clip of {n_frames} frames cannot be resampled to {n_out}")
    at_frames, at_out = (
        np.linspace(1 / n_frames, 1, count)[:, None] for count in (n_frames, n_out)
    )
    k = np.arange(1, n_frames)
    phase = np.pi * (n_frames - k) / (2 * n_frames)
    curve_at_frames, curve_at_out = (np.sin(np.pi * k * t + phase) for t in (at_frames, at_out))
    matrix = (1 + 2 * curve_at_out @ curve_at_frames.T) / n_frames
    matrix.setflags(write=False)
    return matrix


def resample(clip: Floats | NDArray[np.uint8], n_out: int) -> NDArray[np.float32]:
    """Resample a clip (T, ...) of any type in time to (n_out, ...) float32.

    Between frames it may overshoot the values of the clip.
    """
    matrix = tim_matrix(len(clip), n_out).astype(np.float32)
    flat = np.asarray(clip, dtype=np.float32).reshape(len(clip), -1)
    return (matrix @ flat).reshape(n_out, *clip.shape[1:])
