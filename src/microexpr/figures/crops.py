"""Every clip's first crop with box, landmarks and jitter: a bad crop is seen in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from microexpr.cache import ClipCache
from microexpr.face.transform import CropTransform
from microexpr.figures import style
from microexpr.figures.planned import CROPS_A_PAGE

COLUMNS = 10
ROWS = CROPS_A_PAGE // COLUMNS
JITTER_PX = 0.35  # of the crop, rms from frame to frame: more than a micro-expression's own motion
SEEN = 0.98  # share of frames with a face below which the tile is marked


@dataclass(frozen=True)
class Crop:
    """What the sheet shows of a clip.

    Parameters
    ----------
    clip_id : str
        Name.
    image : ndarray, shape (y, x, 3), uint8
        First crop.
    box : ndarray, shape (4, 2), or None
        Corners of the face box in the crop, px.
    landmarks : ndarray, shape (5, 2), or None
        In the crop, px.
    jitter_px, detected : float
        Residual motion from frame to frame, and the share of frames with a face.
    """

    clip_id: str
    image: np.ndarray
    box: np.ndarray | None
    landmarks: np.ndarray | None
    jitter_px: float
    detected: float

    @classmethod
    def read(cls, clip: ClipCache) -> Crop:
        """Take a clip of a cache of kind faces."""
        attributes = clip.attributes
        transform = CropTransform(attributes["transform"].reshape(2, 3), clip.data.shape[1])
        x, y, width, height = clip["box"][0]
        corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
        points = attributes.get("landmarks_px")
        return cls(
            clip.clip_id,
            clip.data[0],
            transform.points(corners) if np.isfinite(corners).all() else None,
            None if points is None else points.reshape(5, 2),
            float(attributes["jitter_px"]),
            float(attributes["detected_share"]),
        )

    @property
    def doubtful(self) -> bool:
        """Whether a person should look at it."""
        return self.jitter_px > JITTER_PX or self.detected < SEEN


def crop_sheet(crops: Sequence[Crop], *, page: int, pages: int, synthetic: bool) -> Figure:
    """Draw one page of up to :data:`CROPS_A_PAGE` clips.

    Parameters
    ----------
    crops : sequence of Crop
        Those of the page, in order.
    page, pages : int
        Which of how many, from 1.
    synthetic : bool
        Whether the data are generated.
    """
    doubtful = sum(crop.doubtful for crop in crops)
    title = (
        f"First crops, page {page} of {pages}: jitter (rms, px), frames with a face; "
        f"{doubtful} doubtful (> {JITTER_PX} px or < {SEEN:.0%})"
    )
    figure = style.new_figure(style.WIDTH_IN, 6.2, synthetic=synthetic, title=title)
    grid = figure.subplots(ROWS, COLUMNS)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, crop in zip(grid.flat, crops, strict=False):
        _tile(axes, crop)
    return figure


def _tile(axes: Axes, crop: Crop) -> None:
    style.show_image(axes, crop.image, style.WIDTH_IN / COLUMNS)
    if crop.box is not None:
        axes.add_patch(Polygon(crop.box, fill=False, edgecolor=style.SKY, linewidth=0.7))
    if crop.landmarks is not None:
        axes.plot(*crop.landmarks.T, "+", color=style.YELLOW, markersize=3, markeredgewidth=0.7)
    size = len(crop.image)
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))  # boxes may reach beyond
    axes.set_title(
        f"{crop.clip_id}\n{crop.jitter_px:.2f} px, {crop.detected:.0%}",
        fontsize=5.2,
        pad=1.5,
        color=style.VERMILION if crop.doubtful else style.BLACK,
        fontweight="bold" if crop.doubtful else "normal",
    )
