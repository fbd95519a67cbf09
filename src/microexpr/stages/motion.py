"""Stage motion: one clip over time in all methods, as slices and as a video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config.base import Settings
from microexpr.config.data import Kind
from microexpr.magnify.methods import METHODS
from microexpr.stages import MANIFEST, Cache, File, Option, Stage


class MotionSettings(Settings):
    """What the figures follow from."""

    data: Kind


STAGE = Stage(
    "motion",
    "draw one clip over time, in all methods",
    settings=MotionSettings,
    inputs={
        "faces": Cache("faces"),
        "magnified": Cache("magnified", many=True, optional=True),
        "manifest": MANIFEST,
    },
    outputs={"folder": File("folder of the figures")},
    options={"clip": Option("name of the clip")},
)
ORIGINAL = "none"


def run(
    settings: MotionSettings,
    *,
    faces: Path,
    magnified: Sequence[Path] = (),
    manifest: Path,
    folder: Path,
    clip: str,
) -> None:
    """Draw ``slices_<clip>``, and ``motion_<clip>.mp4`` with the methods beside each other.

    Raises
    ------
    CacheError, DataError
        When a cache or the manifest does not hold the clip, or the methods differ in length.
    """
    from contextlib import ExitStack

    from microexpr.cache import open_cache
    from microexpr.cache.joining import clip_of
    from microexpr.figures import style
    from microexpr.figures.time_slices import slice_column, time_slices
    from microexpr.figures.videos import side_by_side, write_video
    from microexpr.protocol.predictions import method_order

    synthetic, label = settings.data.kind == "demo", clip_of(manifest, clip).label
    with ExitStack() as stack:
        face = stack.enter_context(open_cache(faces, "faces"))[clip]
        methods = {ORIGINAL: face.data}
        for path in magnified:
            found = stack.enter_context(open_cache(path, "magnified"))[clip]
            methods[str(found.attributes["method"])] = found.data
        order = [ORIGINAL, *(name for name in method_order(methods) if name != ORIGINAL)]
        methods = {name: methods[name] for name in order}
        points = face.attributes.get("landmarks_px")
        column = slice_column(points if points is None else points.reshape(5, 2), len(face.data[0]))
        with style.paper():
            figure = time_slices(
                methods,
                column,
                fps=face.attributes.positive("fps"),
                title=f"Clip {clip} ({label}): one column of pixels over time",
                synthetic=synthetic,
            )
            style.save(figure, folder / f"slices_{clip}")
        # A control looks like the original.
        seen = {k: images for k, images in methods.items() if not METHODS[k].control}
        video = side_by_side(seen, len(face), synthetic=synthetic)
        write_video(folder / f"motion_{clip}.mp4", video)
