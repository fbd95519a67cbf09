"""Stage quality: what goes into training, to be looked at before it: crops and windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from microexpr import cache
from microexpr.config import Config
from microexpr.figures import style
from microexpr.figures.inputs import Crop, crop_sheet, window_coverage
from microexpr.figures.planned import CROPS_A_PAGE
from microexpr.runtime.progress import track


def run(config: Config, faces: Sequence[Path], folder: Path) -> None:
    """Draw every clip's first crop, and what windows cover.

    Parameters
    ----------
    config : Config
        Sections ``data`` and ``windows``.
    faces : sequence of Path
        Caches of kind faces: all shards.
    folder : Path
        ``results/figures``: ``windows`` and pages ``crops_<number>``.

    Raises
    ------
    CacheError
        When a file is not such a cache.
    """
    synthetic = config.data.kind == "demo"
    with ExitStack() as stack, style.paper():
        shards = [stack.enter_context(cache.open_cache(path, "faces")) for path in faces]
        lengths = [len(clip) for shard in shards for clip in shard]
        figure = window_coverage(lengths, config.windows, synthetic=synthetic)
        style.save(figure, folder / "windows")
        pages = -(-len(lengths) // CROPS_A_PAGE)
        crops = _crops(shards)
        for page in track(range(1, pages + 1), "pages of crops"):
            shown = list(islice(crops, CROPS_A_PAGE))
            figure = crop_sheet(shown, page=page, pages=pages, synthetic=synthetic)
            style.save(figure, folder / f"crops_{page}")


def _crops(shards: Sequence[cache.Cache]) -> Iterator[Crop]:
    for shard in shards:
        for clip in shard:
            yield Crop.read(clip)
