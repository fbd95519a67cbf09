"""Make the pictures of docs/how-it-works.md from a finished run of the demo.

snakemake --cores 8
python tools/make_docs_images.py
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np

from microexpr.cache import open_cache
from microexpr.evaluation.names import method_name
from microexpr.evaluation.tables import column, sizes_of
from microexpr.magnify.methods import METHODS
from microexpr.runtime.tables import read_text
from microexpr.training.windows import windows
from microexpr.video.writer import write_png

mpl.use("Agg")
from matplotlib import pyplot as plt

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CLIP, SHARD = "s1_po_01", "s1-s6"
SHOWN = ("amm", "pmm", "none", "filter_only")
LENGTH, N = 31, 7
HEIGHT_PX = 160
SYNTHETIC = "SYNTHETIC: generated faces"


def clip_picture(results: Path) -> None:
    """Draw the first frame with the crop's outline, and the crop at the apex for three methods."""
    folder = results / "demo/SMIC_all_raw/HS/s1/micro/positive" / CLIP
    apex = json.loads((results / f"demo/truth/{CLIP}.json").read_text())["apex"]
    first = _image(sorted(folder.glob("*.png"))[0])
    methods = {"none": results / "faces"} | {m: results / "magnified" / m for m in ("amm", "pmm")}
    crops = []
    for source in methods.values():
        with open_cache(source / f"{SHARD}.h5") as cache:
            clip = cache[CLIP]
            crops.append(clip.data[apex])
            if source.name == "faces":
                transform = np.reshape(clip.attributes["transform"], (2, 3))
    side = crops[0].shape[0]
    corners = np.array([[[0, 0], [side, 0], [side, side], [0, side]]], float)
    outline = cv2.transform(corners, cv2.invertAffineTransform(transform))
    polygons = [*np.rint(outline).astype(np.int32)]
    cv2.polylines(first, polygons, True, (255, 140, 0), 3, cv2.LINE_AA)
    white = np.full((HEIGHT_PX, 4, 3), 255, np.uint8)
    parts = [_shrunk(first)]
    for crop in crops:
        parts += [white, _shrunk(crop)]
    write_png(IMAGES / "how_clip.png", np.concatenate(parts, axis=1))


def _image(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    assert picture is not None, path
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _shrunk(picture: np.ndarray) -> np.ndarray:
    scale = HEIGHT_PX / picture.shape[0]
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def windows_picture() -> None:
    """Draw the frames of each window of one clip, one row per window."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axis, mode in zip(axes, ("continuous", "even"), strict=True):
        indices = windows(LENGTH, N, modes=[mode])
        rows = np.repeat(np.arange(len(indices)), N)
        axis.scatter(indices.ravel(), rows, s=9, marker="s", color=METHODS["amm"].colour)
        axis.set(title=f"{mode}: {len(indices)} windows of N = {N}", xlabel="frame of the clip")
        axis.invert_yaxis()
    axes[0].set_ylabel("window")
    _save(figure, "how_windows.png")


def accuracy_picture(results: Path) -> None:
    """Draw accuracy as a function of N with intervals, and the line of the majority class."""
    table = read_text(results / "table.csv")
    average = table[table["class"] == "Accuracy"].set_index("method")
    sizes = sizes_of(table)
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for place, method in enumerate(SHOWN):
        row = average.loc[method]
        value, low, high = (
            row[[column(n, end) for n in sizes]].to_numpy(float) for end in ("", "_low", "_high")
        )
        x = np.array(sizes, float) + 0.12 * (place - 1.5)
        bars: dict[str, Any] = {
            "yerr": [value - low, high - value],
            "capsize": 2,
            "lw": 1.2,
            "marker": "o",
        }
        known = METHODS[method]
        axis.errorbar(x, value, **bars, ms=4, color=known.colour, label=known.label)
    level = average[column(sizes[0])].astype(float)["majority"]
    axis.axhline(level, color="black", ls=":", label=method_name("majority"))
    axis.set(xlabel="N, frames per window", ylabel="accuracy", ylim=(0, 1.02), title=SYNTHETIC)
    axis.legend(ncols=3, loc="lower center", frameon=False)
    _save(figure, "how_accuracy.png")


def _save(figure: plt.Figure, name: str) -> None:
    figure.savefig(IMAGES / name, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="[%(default)s]")
    results = parser.parse_args().results
    clip_picture(results)
    windows_picture()
    accuracy_picture(results)


if __name__ == "__main__":
    main()
