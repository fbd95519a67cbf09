"""The apex: the frame of the largest motion, known from the data set or estimated from the clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from microexpr.baselines.base import FaceClip
from microexpr.baselines.flow import flow
from microexpr.cache import ClipCache
from microexpr.config.data import Place
from microexpr.errors import DataError

FLOW_SIZE_PX = 112  # of the frames that the estimate looks at


class Apex(NamedTuple):
    """Index of the apex frame, counted from the clip's first frame, and whether it is known."""

    frame: int
    known: bool


def annotated(data: Place, clip: ClipCache) -> int | None:
    """Look up the apex that the data set gives.

    Parameters
    ----------
    data : Place
        Section ``data``: the generated data set keeps the truth in ``truth/{clip_id}.json``.
    clip : ClipCache
        A clip of a cache; its attribute ``apex``, an index from the clip's first frame, wins.

    Returns
    -------
    int or None
        None where nobody has said; SMIC has no official apex.

    Raises
    ------
    DataError
        When the apex lies outside the clip.
    """
    frame = clip.attributes.get("apex")
    truth = Path(data.root) / "truth" / f"{clip.clip_id}.json"
    if frame is None and data.kind == "demo" and truth.is_file():
        frame = json.loads(truth.read_text(encoding="utf-8"))["apex"]
    if frame is None:
        return None
    if not 0 <= int(frame) < len(clip):
        raise DataError(f"clip {clip.clip_id}: apex {frame} is none of its {len(clip)} frames")
    return int(frame)


def apex_of(clip: FaceClip) -> Apex:
    """Give the known apex, else the frame whose flow from the first frame is largest.

    The median over the pixels is subtracted from the flow first: a motion of the head is not a
    motion of the face.
    """
    if clip.apex is not None:
        return Apex(clip.apex, known=True)
    frames = clip.grey(FLOW_SIZE_PX)
    fields = [flow(frames[0], frame) for frame in frames]
    magnitudes = [
        np.hypot(*(field - np.median(field, axis=(1, 2), keepdims=True))).mean() for field in fields
    ]
    return Apex(int(np.argmax(magnitudes)), known=False)


def flow_to_apex(clip: FaceClip) -> tuple[NDArray[np.float32], str]:
    """Measure the flow from the first frame, taken as the onset, to the apex.

    Returns
    -------
    ndarray, shape (2, H, W), float32
        Horizontal and vertical, px.
    str
        Which frame the apex is, and whether it is known.
    """
    apex, frames = apex_of(clip), clip.grey()
    known = "known" if apex.known else "estimated"
    field = flow(frames[0], frames[apex.frame])
    return field, f"apex {apex.frame} of {len(frames)}, {known}"
