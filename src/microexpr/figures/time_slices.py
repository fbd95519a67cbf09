"""Motion made visible: slices through time of the same pixels for all methods."""

from __future__ import annotations

from collections.abc import Mapping

import h5py
import numpy as np
from matplotlib.figure import Figure

from microexpr.errors import DataError
from microexpr.evaluation.names import method_name
from microexpr.figures import style

HEIGHT_IN = 2.05


def slice_column(landmarks_px: np.ndarray | None, size_px: int) -> int:
    """Choose the column of pixels that a slice follows, px.

    It lies midway between the eye and the mouth corner on the left of the picture, where brow, eye,
    cheek and mouth corner all are; without landmarks, (5, 2) in the crop, at a third of the crop.
    """
    if landmarks_px is None:
        return size_px // 3
    eye, corner = landmarks_px[0, 0], landmarks_px[3, 0]
    return int(np.clip(round((eye + corner) / 2), 0, size_px - 1))


def time_slices(
    clips: Mapping[str, h5py.Dataset | np.ndarray],
    column: int,
    *,
    fps: float,
    title: str,
    synthetic: bool,
) -> Figure:
    """Draw one column of pixels over time, a panel per method, as the papers on magnification do.

    `clips` are (T, y, x, 3) uint8, by method, all of one clip; one `column` (px) of them is read.
    `fps` is in frames/s.

    Raises
    ------
    DataError
        When the methods differ in length.
    """
    lengths = {method: len(images) for method, images in clips.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"{title}: the methods have different lengths {lengths}")
    figure = style.new_figure(style.WIDTH_IN, HEIGHT_IN, synthetic=synthetic, title=title)
    panels = figure.subplots(1, 1 + len(clips), squeeze=False)[0]
    still = next(iter(clips.values()))[0]
    panels[0].imshow(still)
    panels[0].axvline(column, color=style.YELLOW, linewidth=0.8)
    panels[0].set_title(f"first frame, x = {column} px")
    panels[0].set_axis_off()
    for axes, (method, images) in zip(panels[1:], clips.items(), strict=True):
        duration_ms = 1000 * len(images) / fps
        axes.imshow(
            images[:, :, column].transpose(1, 0, 2),
            extent=(0, duration_ms, len(still), 0),
            aspect=duration_ms / len(still),
            interpolation="nearest",
        )
        axes.set_title(method_name(method))
        axes.set_xlabel("time (ms)")
        if axes is panels[1]:
            axes.set_ylabel("y (px)")
        else:
            axes.set_yticks([])
    return figure
