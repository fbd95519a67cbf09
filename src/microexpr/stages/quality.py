"""Stage quality: crops and windows, to be looked at before anything is trained."""

from __future__ import annotations

from pathlib import Path

from microexpr.config import Windows
from microexpr.config.base import Settings
from microexpr.config.data import Kind
from microexpr.stages import Cache, File, Stage


class QualitySettings(Settings):
    """What the sheets follow from."""

    data: Kind
    windows: Windows


STAGE = Stage(
    "quality",
    "draw every clip's first crop, and what windows cover",
    settings=QualitySettings,
    inputs={"faces": Cache("faces", many=True)},
    outputs={"folder": File("folder of the figures")},
)


def run(settings: QualitySettings, *, faces: list[Path], folder: Path) -> None:
    """Draw ``windows`` and pages ``crops_<number>``.

    Raises
    ------
    CacheError
        When a file is not such a cache.
    """
    from contextlib import ExitStack
    from itertools import islice

    from microexpr.cache import open_cache
    from microexpr.figures import style
    from microexpr.figures.inputs import Crop, crop_sheet, window_coverage
    from microexpr.figures.planned import CROPS_A_PAGE
    from microexpr.runtime.progress import track

    synthetic = settings.data.kind == "demo"
    with ExitStack() as stack, style.paper():
        shards = [stack.enter_context(open_cache(path, "faces")) for path in faces]
        lengths = [len(clip) for shard in shards for clip in shard]
        figure = window_coverage(lengths, settings.windows, synthetic=synthetic)
        style.save(figure, folder / "windows")
        pages = -(-len(lengths) // CROPS_A_PAGE)
        crops = (Crop.read(clip) for shard in shards for clip in shard)
        for page in track(range(1, pages + 1), "pages of crops"):
            shown = list(islice(crops, CROPS_A_PAGE))
            figure = crop_sheet(shown, page=page, pages=pages, synthetic=synthetic)
            style.save(figure, folder / f"crops_{page}")
