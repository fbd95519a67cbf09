"""Motion made visible: slices through time, and videos that a browser plays, of all methods."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import h5py
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from microexpr.errors import DataError
from microexpr.evaluation.names import method_name
from microexpr.figures import style
from microexpr.runtime.files import replacing
from microexpr.video.frame import RGB_COLOUR, from_rgb
from microexpr.video.writer import VideoWriter

HEIGHT_IN = 2.05
SHOWN_FPS = 10  # frames/s: a clip of 100 frames/s runs ten times slower
ENLARGED = 2
CAPTION_PX = 44
BAR_PX = 4  # height of the bar that shows how far the clip is


def slice_column(landmarks_px: np.ndarray | None, size_px: int) -> int:
    """Choose the column of pixels that a slice follows, px.

    It lies midway between eye and mouth corner on the left; without landmarks at a third of the
    crop.
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
    """Draw one column of pixels (px) over time, a panel for each of the methods of `clips`."""
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
        axes.set(title=method_name(method), xlabel="time (ms)")
        if axes is panels[1]:
            axes.set_ylabel("y (px)")
        else:
            axes.set_yticks([])
    return figure


def side_by_side(
    clips: Mapping[str, Sequence[np.ndarray]], count: int, *, synthetic: bool
) -> Iterator[np.ndarray]:
    """Put a clip's frames (y, x, 3), uint8, of all methods beside each other, twice as large."""
    names, rows = map(method_name, clips), zip(*clips.values(), strict=True)
    large = (np.concatenate(row, axis=1) for row in rows)
    scale: dict[str, Any] = {"fx": ENLARGED, "fy": ENLARGED, "interpolation": cv2.INTER_CUBIC}
    resized = (cv2.resize(row, None, **scale) for row in large)
    return captioned(resized, count, list(names), synthetic=synthetic)


def captioned(
    frames: Iterable[np.ndarray], count: int, names: Sequence[str], *, synthetic: bool
) -> Iterator[np.ndarray]:
    """Add names above equally wide panels of `count` frames, and below a bar of the progress."""
    strip = None
    for index, frame in enumerate(frames):
        width = frame.shape[1]
        strip = caption(names, width, synthetic=synthetic) if strip is None else strip
        bar = np.full((BAR_PX, width, 3), 225, np.uint8)
        bar[:, : round(width * (index + 1) / count)] = (0, 114, 178)
        yield np.concatenate([strip, frame, bar])


def caption(names: Sequence[str], width_px: int, *, synthetic: bool) -> np.ndarray:
    """Draw a strip with a name above each of equally wide panels; (CAPTION_PX, width_px, 3)."""
    with style.paper():
        figure = mpl.figure.Figure(figsize=(width_px / 100, CAPTION_PX / 100), dpi=100)
        canvas = style.FigureCanvasAgg(figure)
        for number, name in enumerate(names):
            size = _fitting(13, name, width_px / len(names))
            middle, y = (number + 0.5) / len(names), 0.7 if synthetic else 0.5
            figure.text(middle, y, name, ha="center", va="center", size=size)
        if synthetic:
            size = _fitting(8, style.SYNTHETIC, width_px)
            note = figure.text(0.5, 0.25, style.SYNTHETIC, ha="center", va="center", size=size)
            note.set_color(style.WARNING)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[:CAPTION_PX, :width_px, :3].copy()


def _fitting(size_pt: float, text: str, width_px: float) -> float:
    """Shrink a font so that the text fits: at 100 dots/inch a letter is about 0.9 of it wide."""
    return min(size_pt, width_px / (0.9 * len(text)))


def write_video(path: str | os.PathLike[str], frames: Iterable[np.ndarray]) -> None:
    """Write RGB frames (y, x, 3), uint8, of one size, at least one, as MP4 in slow motion."""
    frames = iter(frames)
    first = next(frames)
    size = {"height": first.shape[0], "width": first.shape[1]}
    pace: dict[str, Any] = {"rate": Fraction(SHOWN_FPS), "time_base": Fraction(1, SHOWN_FPS)}
    with (
        replacing(Path(path)) as temporary,
        VideoWriter(temporary, **size, **pace, colour=RGB_COLOUR) as video,
    ):
        for pts, frame in enumerate(chain([first], frames)):
            video.write(from_rgb(frame, pts))
