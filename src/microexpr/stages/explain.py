"""Stage explain: maps to ``regions.csv``, sheets, and overlays on the source's own frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microexpr.config.data import TitledPlace
from microexpr.config.evaluation import TableSettings
from microexpr.config.report import ExplainedLength
from microexpr.config.training import Runs
from microexpr.stages import MANIFEST, File, Option, Stage


class ExplainSettings(TableSettings):
    """What the table and the figures follow from."""

    data: TitledPlace
    train: Runs
    explain: ExplainedLength


STAGE = Stage(
    "explain",
    "tabulate and draw Grad-CAM maps",
    settings=ExplainSettings,
    inputs={
        "maps": File("maps.h5 of stage gradcam: all methods; clips.csv lies beside", many=True),
        "manifest": MANIFEST,
    },
    outputs={"folder": File("folder of regions.csv and the figures")},
    options={"shown": Option("clips that are shown frame by frame", many=True, default=())},
)
TEXT = ("clip_id", "subject", "label", "fold", "apex_known", "model", "peak")  # of clips.csv


def run(
    settings: ExplainSettings,
    *,
    maps: list[Path],
    manifest: Path,
    folder: Path,
    shown: Sequence[str] = (),
) -> None:
    """Tabulate and draw what stage gradcam has found.

    The files are ``regions.csv``; figures ``regions``, ``shares``, ``classes``, ``control`` and,
    for generated clips, ``pointing``; of each clip shown ``blocks/<method>_<clip>``,
    ``backbone/<clip>`` and ``overlay/<method>_<clip>``.

    Raises
    ------
    CacheError, DataError
        When a file is not there, a clip was not explained, or a table was changed after it was
        written.
    """
    from contextlib import ExitStack

    import pandas as pd

    from microexpr.datasets import title
    from microexpr.datasets.decoder import decode
    from microexpr.datasets.manifest import read
    from microexpr.evaluation.pooled import Statistics
    from microexpr.explain import drawing
    from microexpr.explain import maps as files
    from microexpr.explain.drawing import region_table
    from microexpr.figures import style
    from microexpr.runtime.progress import track
    from microexpr.runtime.tables import read_table, write_table

    data, synthetic = settings.data, settings.data.kind == "demo"
    folders = [path.parent for path in maps]
    rows = [read_table(f / "clips.csv", text=TEXT).assign(method=f.name) for f in folders]
    statistics = Statistics.of(settings.evaluate)
    table = region_table(pd.concat(rows), classes=data.labels, statistics=statistics).assign(
        n=settings.explain.n,
        feature_mode=settings.train.feature_modes[0],
        seed=settings.train.seeds[0],
        protocol=settings.protocol.name,
        backbone=settings.features.backbone,
        cut=settings.features.cut,
        confidence=statistics.confidence,
        data=title(data),
    )
    sources = {clip.clip_id: clip for clip in read(manifest)}
    with ExitStack() as stack:
        found = {f.name: stack.enter_context(files.read(f / "maps.h5")) for f in folders}
        with style.paper():
            figures = drawing.figures_of(table, found, classes=data.labels, synthetic=synthetic)
            for name, figure in figures.items():
                style.save(figure, folder / name)
            for clip in track(shown, "sheets"):
                drawing.save_clip_sheets(found, clip, folder, synthetic)
        for clip in track(shown, "overlays"):
            for method, clips in found.items():
                frames = (f for part in decode(Path(data.root), sources[clip]) for f in part.rgb)
                stem = folder / "overlay" / f"{method}_{clip}"
                drawing.save_overlays(clips[clip], frames, method, stem, synthetic)
    write_table(folder / "regions.csv", table)
