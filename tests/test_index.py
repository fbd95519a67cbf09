"""Stage index: the report is there whatever happens, and only named problems pass."""

from __future__ import annotations

import csv
import re

import cv2
import numpy as np
import pytest
import yaml

from footage import moving, swing, texture, write_video
from microexpr import datasets
from microexpr.cache import open_cache
from microexpr.config import Config
from microexpr.datasets import Finding, manifest
from microexpr.datasets.listing import refuse
from microexpr.errors import DataError
from running import decode, run_stage

# Times of the frames of a video in 1/600 s: 30 frames/s, and a pause of five frames.
PTS = [20 * k + 100 * (k > 9) for k in range(24)]


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
    config = Config.parse({"data": values, "windows": {"n": [4, 6]}})
    try:
        run_stage("index", config, manifest=root / "manifest.csv", report=root / "report.csv")
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
    files = {"manifest": tmp_path / "manifest.csv", "report": tmp_path / "report.csv"}
    config = Config.parse({"data": values, "windows": {"n": sizes}})
    with pytest.raises(DataError) as caught:
        run_stage("index", config, **files)
    named, counted = caught.value.messages
    assert named.startswith(f"clip {clip_id}: ")
    assert f"data.allow: [{problem}]; to leave the clip out: data.leave_out: [{clip_id}]" in named
    assert re.fullmatch(rf".* name: {problem} 1; all findings are in .*report.csv", counted)
    assert not (tmp_path / "manifest.csv").exists()
    rows = list(csv.DictReader((tmp_path / "report.csv").open(newline="")))
    filled = [("s1_ne_01", "s1", "resampled", "corrected")] * (problem == "missing_frames")
    assert [(r["clip_id"], r["subject"], r["problem"], r["action"]) for r in rows] == [
        *[(clip_id, "s1", problem, action), *filled]
    ]
    assert detail in rows[0]["detail"]
    allowed = Config.parse({"data": {**values, "allow": [problem]}, "windows": {"n": sizes}})
    run_stage("index", allowed, **files)
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
    assert (rows[0]["clip_id"], rows[0]["detail"]) == (
        "s2_po_01",
        "data.leave_out names subject s2",
    )
    with pytest.raises(DataError, match="no clip can be used"):
        run(tmp_path, leave_out=["s1", "s2"])


def test_the_remedy_of_every_bad_clip_works(tmp_path):
    micro = smic(tmp_path, ne_01=range(6), ne_02=range(6), ne_03=range(3), po_01=range(9))
    (micro / "negative/s1_ne_01/image3.bmp").write_bytes(b"no")
    (micro / "negative/s1_ne_02/image3.bmp").unlink()
    (micro / "negative/s1_ne_07").mkdir()
    (micro / "negative/s1_po_01").mkdir()
    (micro / "positive/s1_po_01/other4.bmp").write_bytes(b"BM")
    with pytest.raises(DataError) as caught:
        run(tmp_path)
    *named, _ = caught.value.messages
    clips = {yaml.safe_load(text.rpartition("data.leave_out: ")[2])[0] for text in named}
    assert clips == {"s1_ne_01", "s1_ne_02", "s1_ne_03", "s1_ne_07", "s1_po_01"}
    (micro / "surprise/s1_su_01").mkdir(parents=True)
    for counter in range(6):
        cv2.imwrite(
            str(micro / f"surprise/s1_su_01/image{counter}.bmp"), np.zeros((4, 4, 3), np.uint8)
        )
    left, rows = run(tmp_path, leave_out=sorted(clips))
    assert [clip.clip_id for clip in left] == ["s1_sur_01"]
    assert {row["problem"] for row in rows} == {"left_out_clip"}
    assert {row["clip_id"] for row in rows} == clips


def test_a_clip_is_left_out_once_and_unknown_names_stop_nothing(tmp_path, caplog):
    smic(tmp_path, ne_01=range(6), po_01=range(9), su_01=range(9))
    names = ["s1_ne_01", "gone", "S1_po_1", "s1_ne_01"]
    clips, rows = run(tmp_path, leave_out=names, expected={"clips": 3})
    assert [clip.clip_id for clip in clips] == ["s1_po_01", "s1_sur_01"]
    assert [(row["problem"], row["clip_id"], row["action"]) for row in rows] == [
        ("left_out_clip", "s1_ne_01", "dropped"),
        ("unknown_name", "", "kept"),
        ("unknown_name", "", "kept"),
    ]
    assert rows[1]["detail"].endswith("no subject and no clip is called 'gone'")
    assert "called 'S1_po_1'; there is s1_po_01" in rows[2]["detail"]
    assert "unknown_name: 2, the first: data.leave_out: no subject" in caplog.text


def test_a_clip_of_a_subject_that_is_left_out_is_counted_once(tmp_path):
    smic(tmp_path, ne_01=range(6))
    second = tmp_path / "SMIC_all_raw/HS/s2/micro/positive/s2_po_01"
    second.mkdir(parents=True)
    for counter in range(6):
        cv2.imwrite(str(second / f"image{counter}.bmp"), np.zeros((4, 4, 3), np.uint8))
    clips, rows = run(tmp_path, leave_out=["s2_po_01", "s2"])
    assert len(clips) == 1
    assert [(row["problem"], row["clip_id"]) for row in rows] == [("left_out_subject", "s2_po_01")]


@pytest.fixture
def videos(tmp_path):
    """Write two videos, one of which is damaged, and a table; give a function that indexes them."""
    texture_ = texture(48, 64)
    write_video(tmp_path / "a.mkv", moving(texture_, swing(24, 1.0)), pts=PTS)
    write_video(tmp_path / "b.mkv", moving(texture_, swing(24, 1.0)))
    content = bytearray((tmp_path / "b.mkv").read_bytes())
    content[-900:-600] = bytes(300)
    (tmp_path / "b.mkv").write_bytes(content)

    def index_of(*rows, **data):
        text = "path,subject,label,clip_id,fps,onset,offset\n" + "\n".join(rows)
        (tmp_path / "clips.csv").write_text(text)
        return run(tmp_path, kind="video", table=str(tmp_path / "clips.csv"), **data)

    return index_of


def test_videos_are_counted_as_they_are_decoded(tmp_path, videos):
    rows = [
        *("a.mkv,s1,positive,whole,,,", "a.mkv,s1,positive,part,,3,11"),
        *("a.mkv,s2,negative,given,50,,", "b.mkv,s2,negative,before,,2,9"),
    ]
    clips, report = videos(*rows)
    assert [(row["problem"], row["clip_id"]) for row in report if row["clip_id"]] == [
        *(("resampled", "part"), ("resampled", "whole"), ("resampled", "given"))
    ]
    assert {clip.clip_id: (clip.frames, clip.resampled, clip.times) for clip in clips} == {
        "whole": (24, 29, "stamps"),
        "part": (9, 14, "stamps"),
        "given": (24, 29, "fps"),
        "before": (8, 0, "stamps"),
    }
    decode(tmp_path, ["s1", "s2"], tmp_path / "x.h5")
    with open_cache(tmp_path / "x.h5", "frames") as cache:
        for clip in clips:
            assert len(cache[clip.clip_id]) == clip.length
            assert cache[clip.clip_id].attributes["fps"] == clip.fps
        # The stamps decide when each frame was taken, and not the rate.
        places = np.array(PTS) // 20
        for name, rate in (("whole", 30), ("given", 50)):
            np.testing.assert_allclose(cache[name]["time"], np.arange(29) / rate)
            assert cache[name]["frame"][places].tolist() == list(range(24))
    assert [manifest.planned(clip) for clip in clips] == datasets.read(
        Config.parse(
            {"data": {"kind": "video", "root": str(tmp_path), "table": str(tmp_path / "clips.csv")}}
        ).data,
        Config().demo,
    ).clips


def test_every_video_that_cannot_be_decoded_is_found_by_the_index(tmp_path, videos):
    (tmp_path / "c.mp4").write_text("no video")
    rows = [
        *("a.mkv,s1,positive,good,,,", "b.mkv,s2,negative,damaged,,,", "c.mp4,s3,positive,no,,,"),
        *("a.mkv,s3,negative,long,,5,99", "a.mkv,s3,negative,one,,5,6"),
    ]
    with pytest.raises(DataError) as caught:
        videos(*rows)
    found = [text.partition(": ")[::2] for text in caught.value.messages[:-1]]
    assert [clip for clip, _ in found] == ["clip damaged", "clip long", "clip no", "clip one"]
    for (_, text), said in zip(
        found,
        (
            r"b.mkv: frame \d+ (is damaged|cannot be decoded).*\(unreadable_files\)",
            r"a.mkv has 24 frames, the clip ends at frame 99",
            r"c.mp4 cannot be opened as a video",
            r"2 frames are fewer than windows.n 4, 6 .*\(short_clips\)",
        ),
        strict=True,
    ):
        assert re.search(said, text), text
    clips, _ = videos(*rows, allow=["unreadable_files", "short_clips"])
    assert [clip.clip_id for clip in clips] == ["good", "one"]


def test_a_video_that_changed_after_the_index_is_refused(tmp_path, videos):
    videos("a.mkv,s1,positive,c,,,", "a.mkv,s1,positive,d,,1,8")
    write_video(tmp_path / "a.mkv", moving(texture(48, 64), swing(20, 1.0)))
    with pytest.raises(DataError, match="^clip c: .*a.mkv has 20 frames, the manifest says 24; "):
        decode(tmp_path, ["s1"], tmp_path / "x.h5")
    assert not (tmp_path / "x.h5").exists()


def test_refusal_counts_every_kind():
    findings = [
        Finding(problem=problem, detail="x", action="kept", clip_id=f"c{k}")
        for k, problem in enumerate(
            ["missing_frames", "missing_apex", "missing_frames", "dropped_clip"]
        )
    ]
    refuse(findings, ["missing_frames", "missing_apex"], "r.csv")
    with pytest.raises(
        DataError, match=r"^clip c1: x \(missing_apex\); .*\n.*: missing_apex 1; all"
    ):
        refuse(findings, ["missing_frames"], "r.csv")
    with pytest.raises(DataError) as caught:
        refuse(findings, [], "r.csv")
    *named, counted = caught.value.messages
    assert [text[:7] for text in named] == ["clip c0", "clip c1", "clip c2"]
    assert "missing_frames 2, missing_apex 1" in counted
