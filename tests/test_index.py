"""Stage index: the report is there whatever happens, and only named problems pass."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from microexpr import manifest
from microexpr.config import Config
from microexpr.datasets import Finding
from microexpr.datasets.listing import refuse
from microexpr.errors import DataError
from microexpr.stages import index


def smic(root, **clips):
    """Write real, tiny images: for each clip of subject 1, its counters."""
    for name, counters in clips.items():
        label = {"ne": "negative", "po": "positive", "su": "surprise"}[name[:2]]
        folder = root / "SMIC_all_raw/HS/s1/micro" / label / f"s1_{name}"
        folder.mkdir(parents=True)
        for counter in counters:
            cv2.imwrite(str(folder / f"image{counter}.bmp"), np.zeros((4, 4, 3), np.uint8))
    return root / "SMIC_all_raw/HS/s1/micro"


def run(root, **data):
    """Run the stage; give the manifest and the rows of the report."""
    values = {"kind": "smic", "root": str(root), **data}
    config = Config.parse({"data": values})
    try:
        index.run(config, root / "manifest.csv", root / "report.csv", [4, 6])
    finally:
        with (root / "report.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
    return manifest.read(root / "manifest.csv"), rows


def test_a_good_data_set_has_an_empty_report_with_a_header(tmp_path):
    smic(tmp_path, ne_01=range(6), po_01=range(9))
    clips, rows = run(tmp_path)
    assert [clip.clip_id for clip in clips] == ["s1_ne_01", "s1_po_01"]
    assert rows == []
    header = (tmp_path / "report.csv").read_text()
    assert header == "clip_id,subject,problem,detail,action\n"


PROBLEMS = {
    "missing_frames": lambda micro: (micro / "negative/s1_ne_01/image3.bmp").unlink(),
    "missing_clips": lambda micro: (micro / "negative/s1_ne_09").mkdir(),
    "short_clips": lambda micro: (micro / "negative/s1_ne_01/image7.bmp").unlink(),
    "unreadable_files": lambda micro: (micro / "negative/s1_ne_01/image3.bmp").write_bytes(b"no"),
}
DETAILS = {
    "missing_frames": ("s1_ne_01", "no image 3 of 0-7", "kept"),
    "missing_clips": ("s1_ne_09", "s1_ne_09 holds no image", "dropped"),
    "short_clips": ("s1_ne_01", "7 frames are fewer than windows.n 8 (see windows.short)", "kept"),
    "unreadable_files": (
        "s1_ne_01",
        "frame 3: SMIC_all_raw/HS/s1/micro/negative/s1_ne_01",
        "dropped",
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_stops_the_run_unless_it_is_named(tmp_path, problem):
    micro = smic(tmp_path, ne_01=range(8), po_01=range(9))
    PROBLEMS[problem](micro)
    clip_id, detail, action = DETAILS[problem]
    sizes = [4, 8] if problem == "short_clips" else [4]
    values = {"kind": "smic", "root": str(tmp_path)}
    config = Config.parse({"data": values})
    with pytest.raises(
        DataError, match=rf"^clip {clip_id}: .*{problem} 1; all findings are in .*report.csv"
    ):
        index.run(config, tmp_path / "manifest.csv", tmp_path / "report.csv", sizes)
    assert not (tmp_path / "manifest.csv").exists()
    rows = list(csv.DictReader((tmp_path / "report.csv").open(newline="")))
    assert [(r["clip_id"], r["subject"], r["problem"], r["action"]) for r in rows] == [
        (clip_id, "s1", problem, action)
    ]
    assert detail in rows[0]["detail"]
    allowed = Config.parse({"data": {**values, "allow": [problem]}})
    index.run(allowed, tmp_path / "manifest.csv", tmp_path / "report.csv", sizes)
    kept = {clip.clip_id for clip in manifest.read(tmp_path / "manifest.csv")}
    assert kept == ({"s1_po_01"} if problem == "unreadable_files" else {"s1_ne_01", "s1_po_01"})


def test_every_n_that_a_clip_is_too_short_for_is_listed(tmp_path):
    smic(tmp_path, ne_01=range(3), po_01=range(5))
    _, rows = run(tmp_path, allow=["short_clips"])
    assert [row["detail"].split(" (")[0] for row in rows] == [
        "3 frames are fewer than windows.n 4, 6",
        "5 frames are fewer than windows.n 6",
    ]


def test_counts_are_compared_after_the_problems_are_named(tmp_path):
    micro = smic(tmp_path, ne_01=range(6), po_01=range(9))
    expected = {"clips": 3}
    with pytest.raises(DataError, match=r"clips 2 \(expected 3\)"):
        run(tmp_path, expected=expected)
    (micro / "negative/s1_ne_02").mkdir()
    with pytest.raises(DataError, match="s1_ne_02 holds no image"):
        run(tmp_path, expected=expected)


def test_omissions_that_were_asked_for_stop_nothing(tmp_path):
    smic(tmp_path, ne_01=range(6), po_01=range(9))
    clips, rows = run(tmp_path, labels=["negative"], drop_labels=["positive"])
    assert [clip.clip_id for clip in clips] == ["s1_ne_01"]
    assert [(row["problem"], row["clip_id"]) for row in rows] == [("dropped_label", "s1_po_01")]


def test_a_subject_that_is_left_out_stands_in_the_report_alone(tmp_path):
    smic(tmp_path, ne_01=range(6), po_01=range(9))
    second = tmp_path / "SMIC_all_raw/HS/s2/micro/positive/s2_po_01"
    second.mkdir(parents=True)
    for counter in (1, 2, 4):  # frame 3 is missing, which matters to nobody any more
        cv2.imwrite(str(second / f"image{counter}.bmp"), np.zeros((4, 4, 3), np.uint8))
    expected = {"subjects": 2, "clips": 3}  # what the release has
    clips, rows = run(tmp_path, leave_out=["s2"], expected=expected)
    assert {clip.subject for clip in clips} == {"s1"}
    assert [(r["problem"], r["subject"], r["action"]) for r in rows] == [
        ("left_out_subject", "s2", "dropped")
    ]
    _, rows = run(tmp_path, leave_out=["s2", "S1"], expected=expected)
    assert rows[1]["detail"] == "0 clips of a subject of data.leave_out"
    with pytest.raises(DataError, match="no clip can be used"):
        run(tmp_path, leave_out=["s1", "s2"])


def test_refusal_counts_every_kind():
    findings = [
        Finding(problem=problem, detail="x", action="kept", clip_id=f"c{k}")
        for k, problem in enumerate(
            ["missing_frames", "missing_apex", "missing_frames", "dropped_clip"]
        )
    ]
    refuse(findings, ["missing_frames", "missing_apex"], "r.csv")
    with pytest.raises(
        DataError, match=r"^clip c1: x \(missing_apex\); .*name: missing_apex 1; all"
    ):
        refuse(findings, ["missing_frames"], "r.csv")
    with pytest.raises(DataError, match=r"clip c0.*missing_frames 2, missing_apex 1"):
        refuse(findings, [], "r.csv")
