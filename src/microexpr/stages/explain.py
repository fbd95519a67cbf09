"""Stage explain: maps to ``regions.csv``, sheets, and overlays on the source's own frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from microexpr.config import Config
from microexpr.datasets import decoder, manifest, title
from microexpr.evaluation.basis import Statistics
from microexpr.evaluation.names import method_name
from microexpr.explain import maps, sheets, summary
from microexpr.explain.maps import BACKBONE, TRAINED, ClipMaps
from microexpr.explain.sheets import contact_sheet, overlaid_frames
from microexpr.face.transform import CropTransform
from microexpr.figures import style, videos
from microexpr.runtime.progress import track
from microexpr.runtime.tables import read_table, write_table
from microexpr.video.writer import write_png

Methods = Mapping[str, Mapping[str, ClipMaps]]  # by method and clip
TEXT = ("clip_id", "subject", "label", "fold", "apex_known", "model", "peak")  # of clips.csv
CLASS_SHEET_BLOCKS = 3  # the last ones that are measured
REGION_SHEET_CLIPS = 4


def run(
    config: Config,
    methods: Sequence[Path],
    folder: Path,
    *,
    manifest_path: Path,
    shown: Sequence[str],
) -> None:
    """Tabulate and draw what stage gradcam has found.

    Parameters
    ----------
    config : Config
        Sections ``data``, ``features``, ``train``, ``protocol``, ``evaluate`` and ``explain``.
    methods : sequence of Path
        ``results/gradcam/<method>`` of all methods.
    folder : Path
        ``results/gradcam``: ``regions.csv``; figures ``regions``, ``shares``, ``classes``,
        ``control`` and, for generated clips, ``pointing``; of each clip shown
        ``blocks/<method>_<clip>``, ``backbone/<clip>`` and ``overlay/<method>_<clip>``.
    manifest_path : Path
        ``manifest.csv``: where the frames of the clips shown are.
    shown : sequence of str
        Clips.

    Raises
    ------
    CacheError, DataError
        When a file is not there, a clip was not explained, or a table was changed after it was
        written.
    """
    table = _table(config, methods)
    synthetic = config.data.kind == "demo"
    sources = {clip.clip_id: clip for clip in manifest.read(manifest_path)}
    with ExitStack() as stack:
        found = {
            method.name: stack.enter_context(maps.read(method / "maps.h5")) for method in methods
        }
        with style.paper():
            for name, figure in _figures(config, table, found).items():
                style.save(figure, folder / name)
            for clip_id in track(shown, "sheets"):
                _clip_sheets(found, clip_id, folder, synthetic)
        root = Path(config.data.root)
        for clip_id in track(shown, "overlays"):
            for method, clips in found.items():
                frames = (f for part in decoder.decode(root, sources[clip_id]) for f in part.rgb)
                stem = folder / "overlay" / f"{method}_{clip_id}"
                _overlays(clips[clip_id], frames, method, stem, synthetic)
    write_table(folder / "regions.csv", table)


def _figures(config: Config, table: pd.DataFrame, found: Methods) -> dict[str, style.Figure]:
    classes, look = config.data.labels, {"synthetic": config.data.kind == "demo"}
    blocks = sorted(set(table["block"]))[-CLASS_SHEET_BLOCKS:]
    figures = {
        "regions": _regions(found, **look),
        "shares": summary.region_shares(table, classes=classes, **look),
        "classes": sheets.class_sheet(found, blocks, classes=classes, **look),
        "control": summary.control(table, **look),
    }
    if config.data.kind == "demo":
        figures["pointing"] = summary.pointing_game(table, **look)
    return figures


def _table(config: Config, methods: Sequence[Path]) -> pd.DataFrame:
    settings = config.evaluate
    parts = []
    for method in methods:
        part = read_table(method / "clips.csv", text=TEXT)
        parts.append(part.assign(method=method.name))
    statistics = Statistics(
        resamples=settings.bootstrap, confidence=settings.confidence, seed=settings.seed
    )
    clips = pd.concat(parts)
    table = summary.region_table(clips, classes=config.data.labels, statistics=statistics)
    return table.assign(
        n=config.explain.n,
        feature_mode=config.train.feature_modes[0],
        seed=config.train.seeds[0],
        protocol=config.protocol.name,
        backbone=config.features.backbone,
        cut=config.features.cut,
        confidence=settings.confidence,
        data=title(config.data),
    )


def _untouched(found: Methods) -> str:
    """Give the method whose pictures are those that were recorded, where it is there."""
    return "none" if "none" in found else next(iter(found))


def _regions(found: Methods, *, synthetic: bool) -> style.Figure:
    """Draw the regions on the first clip of some subjects."""
    faces, subjects = [], set()
    for name, clip in found[_untouched(found)].items():
        if len(faces) < REGION_SHEET_CLIPS and clip.attributes["subject"] not in subjects:
            subjects.add(clip.attributes["subject"])
            faces.append((name, clip.image, clip.attributes["landmarks_px"].reshape(5, 2)))
    return sheets.region_sheet(faces, synthetic=synthetic)


def _clip_sheets(found: Methods, clip_id: str, folder: Path, synthetic: bool) -> None:
    for method, clips in found.items():
        label = clips[clip_id].attributes["label"]
        name = method_name(method)
        text = f"Evidence for {label} at each block: {clip_id}, {name}, trained network of its fold"
        figure = sheets.block_sheet(clips[clip_id], TRAINED, title=text, synthetic=synthetic)
        style.save(figure, folder / "blocks" / f"{method}_{clip_id}")
    clip = found[_untouched(found)][clip_id]
    text = f"Before training: each frame's strongest pooled unit, {clip_id}, at each block"
    figure = sheets.block_sheet(clip, BACKBONE, title=text, synthetic=synthetic)
    style.save(figure, folder / "backbone" / clip_id)


def _overlays(
    clip: ClipMaps, frames: Iterable[np.ndarray], method: str, stem: Path, synthetic: bool
) -> None:
    """Write the video of all frames and the picture of some, taken out as they pass."""
    (_, block), cams = next(iter(clip.clip.items()))
    transform = CropTransform(clip.attributes["transform"].reshape(2, 3), len(clip.image))
    kept: list[np.ndarray] = []

    def passing() -> Iterator[np.ndarray]:
        for number, frame in enumerate(overlaid_frames(frames, cams, transform)):
            if number in clip.frames:
                kept.append(frame)
            yield frame

    name = f"{method_name(method)}, {clip.attributes['label']}, B{block}"
    captioned = videos.captioned(passing(), len(cams), [name], synthetic=synthetic)
    videos.write_video(stem.with_name(f"{stem.name}.mp4"), captioned)
    sheet = contact_sheet(kept)
    head = videos.caption([name], sheet.shape[1], synthetic=synthetic)
    write_png(stem.with_name(f"{stem.name}.png"), np.concatenate([head, sheet]))
