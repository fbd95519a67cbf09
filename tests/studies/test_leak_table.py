"""The figure of the leak: its numbers by hand, the same bytes again, synthetic data named."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from microexpr.errors import DataError
from microexpr.figures.tables import draw_leak
from microexpr.runtime.tables import write_table
from microexpr.studies.tables import SPLITS, leak_table, read_predictions

ABOUT = {"backbone": "mobilenet_vggface2", "cut": 13, "data": "synthetic"}
# Of four clips of s1, of s2.
RIGHT = {"windows": (4, 4), "clips": (4, 2), "best_epoch_on_test": (3, 1), "subjects": (2, 1)}


def answers() -> pd.DataFrame:
    rows = []
    for method in ("none", "pmm"):
        for split, counts in RIGHT.items():
            for subject, count in zip(("s1", "s2"), counts, strict=True):
                for i in range(4):
                    label = "negative" if i < 3 else "surprise"
                    predicted = label if i < count else "positive"
                    about = (method, "raw", 14, split, 0, subject, f"{subject}_{i}", subject)
                    rows.append((*about, label, 5, predicted))
    names = ["method", "feature_mode", "n", "split", "seed", "fold", "clip_id", "subject", "label"]
    return pd.DataFrame(rows, columns=[*names, "n_windows", "predicted"])


def table(**about) -> pd.DataFrame:
    return leak_table(answers(), level=0.95, about=ABOUT | about)


def test_accuracy_is_the_share_of_right_answers_and_bounds_are_those_of_subjects():
    found = table().set_index(["method", "split"])
    assert list(found.index) == [(m, s) for m in ("pmm", "none") for s in SPLITS]
    for split, counts in RIGHT.items():
        row = found.loc["pmm", split]
        assert row["accuracy"] == sum(counts) / 8
        # Two subjects tell next to nothing, whatever the number of their clips.
        assert row["low"] <= row["accuracy"] <= row["high"] + 1e-9
        assert row["high"] - row["low"] > 0.9
    assert set(found["majority"]) == {0.75}
    assert set(found["clips"]) == {8}
    assert set(found["subjects"]) == {2}


def test_figures_are_written_and_repeat(tmp_path: Path):
    paths = [tmp_path / name for name in ("a.pdf", "a.png", "b.pdf", "b.png")]
    draw_leak(table(), paths[:2])
    draw_leak(table(), paths[2:])
    assert paths[0].read_bytes() == paths[2].read_bytes()
    assert paths[1].read_bytes() == paths[3].read_bytes()
    assert paths[0].read_bytes().startswith(b"%PDF")
    assert paths[1].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("data", "warned"), [("synthetic", True), ("SMIC-HS raw", False)])
def test_synthetic_data_are_named_in_the_figure(tmp_path: Path, data, warned):
    draw_leak(table(data=data), [tmp_path / "leak.svg"])
    text = re.sub(r"<!--|-->", "", (tmp_path / "leak.svg").read_text())
    assert ("SYNTHETIC" in text) == warned


def test_other_files_are_refused(tmp_path: Path):
    path = tmp_path / "leak.csv"
    with pytest.raises(DataError, match=r"leak\.csv: cannot be read"):
        read_predictions([path])
    write_table(path, answers().drop(columns="split"))
    with pytest.raises(DataError, match="not the predictions of stage train_leak"):
        read_predictions([path])
    write_table(path, answers())
    assert len(read_predictions([path])) == 64
