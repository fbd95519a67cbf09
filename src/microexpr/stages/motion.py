"""Stage motion: one clip over time in all methods, as slices and as a video."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from microexpr import cache
from microexpr.cache.joining import clip_of
from microexpr.config import Config
from microexpr.figures import style
from microexpr.figures.time_slices import slice_column, time_slices
from microexpr.figures.videos import side_by_side, write_video
from microexpr.magnify.methods import METHODS
from microexpr.protocol.predictions import method_order

ORIGINAL = "none"


def run(
    config: Config,
    faces: Path,
    magnified: Sequence[Path],
    folder: Path,
    *,
    manifest_path: Path,
    clip_id: str,
) -> None:
    """Draw a clip's slices through time and put its methods beside each other.

    Parameters
    ----------
    config : Config
        Section ``data``.
    faces : Path
        Cache of kind faces that holds the clip.
    magnified : sequence of Path
        Caches of kind magnified that hold it, one a method.
    folder : Path
        ``results/figures``: ``slices_<clip>`` and ``motion_<clip>.mp4``.
    manifest_path : Path
        ``manifest.csv``: the clip's label.
    clip_id : str
        Which clip.

    Raises
    ------
    CacheError, DataError
        When a cache or the manifest does not hold the clip, or the methods differ in length.
    """
    synthetic, label = config.data.kind == "demo", clip_of(manifest_path, clip_id).label
    with ExitStack() as stack:
        face = stack.enter_context(cache.open_cache(faces, "faces"))[clip_id]
        methods = {ORIGINAL: face.data}
        for path in magnified:
            clip = stack.enter_context(cache.open_cache(path, "magnified"))[clip_id]
            methods[str(clip.attributes["method"])] = clip.data
        order = [ORIGINAL, *(name for name in method_order(methods) if name != ORIGINAL)]
        methods = {name: methods[name] for name in order}
        points = face.attributes.get("landmarks_px")
        column = slice_column(points if points is None else points.reshape(5, 2), len(face.data[0]))
        with style.paper():
            figure = time_slices(
                methods,
                column,
                fps=float(face.attributes["fps"]),
                title=f"Clip {clip_id} ({label}): one column of pixels over time",
                synthetic=synthetic,
            )
            style.save(figure, folder / f"slices_{clip_id}")
        # A control looks like the original.
        seen = {k: images for k, images in methods.items() if not METHODS[k].control}
        path = folder / f"motion_{clip_id}.mp4"
        write_video(path, side_by_side(seen, len(face), synthetic=synthetic))
