"""Check the shape of results/table.csv after a run of config.yaml: the gate's last step."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from microexpr.config import Config


def main(path: str) -> None:
    """Fail when the table is not what the configuration asks for."""
    config = Config.load(str(Path(__file__).resolve().parents[1] / "config.yaml"))
    table = pd.read_csv(path)
    sizes = [str(n) for n in config.windows.n]
    classes = ["Average", *(label.capitalize() for label in config.data.labels)]
    rows = [(method, name) for method in config.magnify.methods for name in classes]
    found = list(zip(table["method"], table["class"], strict=True))
    assert list(table.columns[: 2 + len(sizes)]) == ["method", "class", *sizes], table.columns
    assert found == [*rows, ("majority", "Average")], found
    bounds = [f"{n}_{side}" for n in sizes for side in ("low", "high")]
    values = table[[*sizes, *bounds]]
    assert values.notna().all(axis=None), "empty cells"
    assert values.ge(0).all(axis=None) and values.le(1).all(axis=None), "not between 0 and 1"
    clips = config.demo.subjects * config.demo.clips_per_class * len(config.data.labels)
    assert set(table["clips"]) == {clips}, table["clips"].unique()
    assert set(table["data"]) == {"synthetic"}
    print(f"{path}: {len(table)} rows, {len(sizes)} values of N, {clips} clips: as configured")


if __name__ == "__main__":
    main(sys.argv[1])
