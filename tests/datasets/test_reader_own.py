"""The user's own clips: listed in a CSV, or sorted into folders; and folders of images as such."""

from __future__ import annotations

import pytest

from microexpr.errors import ConfigError, DataError
from microexpr.video.suffixes import gaps, list_images
from release_trees import frames, listing, problems, workbook


def test_images_are_sorted_by_number_not_by_name(tmp_path):
    for name in (
        "image99999.bmp",
        "image100000.bmp",
        "image100001.PNG",
        "Thumbs.db",
        "._image5.bmp",
    ):
        (tmp_path / name).touch()
    images = list_images(tmp_path)
    assert [counter for counter, _ in images] == [99999, 100000, 100001]
    assert all(path.exists() for _, path in images)


@pytest.mark.parametrize(
    ("names", "message"),
    [(("image1.bmp", "image01.png"), "frame 1 exists twice"), (("face.bmp",), "no frame number")],
)
def test_ambiguous_images_are_refused(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=message):
        list_images(tmp_path)


@pytest.mark.parametrize(
    ("present", "missing"),
    [([1, 2, 3], ""), ([2], "1, 3"), ([], "1-3"), ([1, 3, 9], "2"), ([3], "1-2")],
)
def test_gaps_are_named_as_ranges(present, missing):
    assert gaps(present, 1, 3) == missing


def table(root, text: str) -> dict:
    (root / "clips.csv").write_text(text, encoding="utf-8")
    return {"kind": "video", "root": str(root), "table": str(root / "clips.csv")}


def test_a_table_of_videos(tmp_path):
    (tmp_path / "a b.mp4").touch()
    frames(tmp_path / "frames", [1, 2])
    text = "path,subject,label,fps\na b.mp4,Äda 1,positive,\nframes,x,negative,25\n"
    found = listing(**table(tmp_path, text))
    assert found.findings == []
    assert [(c.clip_id, c.subject, c.kind, c.fps, c.first, c.last) for c in found.clips] == [
        ("x_frames", "x", "images", 25.0, 1, 2),
        ("Äda_1_a_b", "Äda_1", "video", 0.0, 0, 0),
    ]


def test_a_table_of_videos_may_come_from_a_spreadsheet(tmp_path):
    name = "A\u0308pfel.mp4"  # an umlaut in two parts, as some disks store it
    (tmp_path / name).touch()
    header, row = ["Subject", "PATH", "label", "FPS"], [7.0, name, "positive", 29.97]
    workbook(tmp_path / "clips.xlsx", {"clips": [["Notes"], header, row, [None]]})
    (tmp_path / "clips.csv").write_text(f"Subject;Path;Label;fps\n7;{name};positive;29.97\n")
    settings = {"kind": "video", "root": str(tmp_path)}
    sheet, text = (
        listing(**settings, table=str(tmp_path / f"clips.{kind}")) for kind in ("xlsx", "csv")
    )
    assert sheet.clips == text.clips
    assert [(c.clip_id, c.subject, c.source, c.fps) for c in sheet.clips] == [
        ("7_\u00c4pfel", "7", name, 29.97)
    ]


def test_a_table_with_onset_and_offset_cuts_clips_out(tmp_path):
    (tmp_path / "long.mp4").touch()
    frames(tmp_path / "frames", [*range(1, 20), *range(22, 40)])
    text = (
        "path,subject,label,clip_id,onset,apex,offset\n"
        "long.mp4,x,positive,x1,30,40,55\nlong.mp4,x,positive,x2,0,,9\nframes,y,negative,y1,10,,25\n"
    )
    found = listing(**table(tmp_path, text), fps=30)
    assert [
        (c.clip_id, c.first, c.last, c.onset, c.apex, c.offset, c.fps) for c in found.clips
    ] == [
        ("x1", 30, 55, 30, 40, 55, 0),
        ("x2", 0, 9, 0, None, 9, 0),
        ("y1", 10, 25, 10, None, 25, 30),
    ]
    assert problems(found) == [("missing_frames", "y1")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data.table: .*clips.csv: no header .* lacks path, subject, label"),
        ("path,label\n", "no header with path, subject, label .* lacks subject"),
        ("path,subject,label\ngone.mp4,s1,positive\n", "line 2: .*gone.mp4 does not exist"),
        ("path,subject,label\n,s1,positive\n", "line 2: column path is empty"),
        ("path,subject,label,fps\n.,s1,positive,fast\n", "line 2: fps 'fast'"),
        ("path,subject,label\n.,s1,positive\n", "line 2: images need a frame rate"),
        (
            "path,subject,label,onset\n.,s1,positive,4\n",
            "line 2: give onset and offset, or neither",
        ),
        ("path,subject,label,onset,offset\n.,s1,positive,x,4\n", "onset 'x' is not a frame number"),
        (
            "path,subject,label,onset,offset\n.,s1,positive,5,4\n",
            "onset 5, apex None, offset 4 do not",
        ),
        (
            "path,subject,label,onset,apex,offset\n.,s1,positive,1,9,4\n",
            "line 2: onset 1, apex 9, offset 4 do not increase",
        ),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        listing(**table(tmp_path, text))


def test_every_bad_line_of_a_table_is_found(tmp_path):
    (tmp_path / "a.mp4").touch()
    frames(tmp_path / "frames", [1, 2])
    (tmp_path / "frames/other2.jpg").touch()
    lines = [
        *("path,subject,label,clip_id,fps,onset,offset", "a.mp4,s1,positive,good,,,"),
        *("gone.mp4,s1,positive,,,,", ",s1,positive,nameless,,,", "a.mp4,s2,positive,slow,-1,,"),
        *("a.mp4,s2,positive,half,,3,", "frames,s3,positive,twice,25,,", "a.mp4,s3,sad,sad,,,"),
        f"a.mp4,s3,positive,{'x' * 99},,,",
    ]
    found = listing(**table(tmp_path, "\n".join(lines)))
    assert [clip.clip_id for clip in found.clips] == ["good"]
    assert problems(found) == [
        ("missing_clips", "s1_gone"),
        ("unreadable_rows", ""),
        ("unreadable_rows", "slow"),
        ("unreadable_rows", "half"),
        ("unreadable_files", "twice"),
        ("unknown_labels", "sad"),
        ("unreadable_rows", ""),
    ]
    for number, finding in enumerate(found.findings, 3):
        assert f"clips.csv: line {number}: " in finding.detail
        assert finding.action == "dropped"


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="data.table: kind video needs a table"):
        listing(kind="video", root=str(tmp_path))
    with pytest.raises(DataError, match="data.table: gone.csv does not exist"):
        listing(kind="video", root=str(tmp_path), table="gone.csv")


def test_folders_of_classes(tmp_path):
    frames(tmp_path / "positive/anna_01", [3, 4, 6], "f{}.png")
    frames(tmp_path / "Negative/bo_b_2", [1], "f{}.png")
    frames(tmp_path / "negative_not/cy_1", [1], "f{}.png")
    (tmp_path / "positive/Äda_1.MP4").touch()
    (tmp_path / "positive/readme.txt").touch()
    (tmp_path / "notes.txt").touch()
    found = listing(kind="folder", root=str(tmp_path), fps=25, drop_labels=["negative_not"])
    assert [(c.clip_id, c.subject, c.label, c.kind, c.frames, c.fps) for c in found.clips] == [
        ("anna_01", "anna", "positive", "images", 3, 25),
        ("bo_b_2", "bo", "negative", "images", 1, 25),
        ("Äda_1", "Äda", "positive", "video", 0, 25),
    ]
    assert problems(found) == [("dropped_label", "cy_1"), ("missing_frames", "anna_01")]


@pytest.mark.parametrize(
    ("folder", "settings", "message"),
    [
        ("positive/anna", {"fps": 25}, "positive/anna: a clip is named subject_clip"),
        ("positive/_1", {"fps": 25}, "a clip is named subject_clip"),
        ("angry/anna_1", {"fps": 25}, r"clip anna_1: .*unknown_labels\)\nno clip can be used"),
    ],
)
def test_folders_that_do_not_fit_are_refused(tmp_path, folder, settings, message):
    frames(tmp_path / folder, [1])
    with pytest.raises(DataError, match=message):
        listing(kind="folder", root=str(tmp_path), **settings)


def test_folders_of_images_need_a_frame_rate(tmp_path):
    frames(tmp_path / "positive/anna_1", [1])
    with pytest.raises(ConfigError, match="data.fps: positive/anna_1 is a folder of images"):
        listing(kind="folder", root=str(tmp_path))


def test_every_bad_folder_is_found(tmp_path):
    frames(tmp_path / "positive/anna_1", [1])
    frames(tmp_path / "positive/bob", [1])
    frames(tmp_path / "negative/cy_1", [1, 2])
    (tmp_path / "negative/cy_1/second2.jpg").touch()
    frames(tmp_path / f"negative/{'x' * 90}_1", [1])
    found = listing(kind="folder", root=str(tmp_path), fps=25)
    assert [clip.clip_id for clip in found.clips] == ["anna_1"]
    assert problems(found) == [
        ("unreadable_files", "cy_1"),
        ("unreadable_rows", ""),
        ("unreadable_rows", "bob"),
    ]
    assert "frame 2 exists twice" in found.findings[0].detail
    assert "is longer than 80 characters" in found.findings[1].detail


def test_a_root_that_is_not_there():
    with pytest.raises(DataError, match="data.root: nowhere is not a folder"):
        listing(kind="folder", root="nowhere")
