"""SMIC: its folders are its labels; both trees, three cameras, the spellings of copies."""

from __future__ import annotations

import pytest

from microexpr.config import Data, Expected
from microexpr.datasets import manifest
from microexpr.errors import DataError
from release_trees import frames, listing, problems, smic_tree

SMIC = Expected(subjects=16, clips=164, per_label={"negative": 70, "positive": 51, "surprise": 43})


@pytest.mark.parametrize(
    ("version", "prefix", "suffix", "pad"),
    [
        ("raw", "image", ".bmp", 1),
        ("cropped", "reg_image", ".bmp", 1),
        ("raw", "image", ".PNG", 2),
        ("cropped", "reg_image", ".jpg", 2),
    ],
)
def test_smic_hs_is_read_and_counted(tmp_path, version, prefix, suffix, pad):
    smic_tree(tmp_path / f"SMIC_all_{version}", prefix=prefix, suffix=suffix, pad=pad)
    found = listing(kind="smic", root=str(tmp_path), version=version)
    manifest.check(found.clips, Data().labels)
    manifest.check_counts(found.clips, SMIC)
    assert found.findings == []
    clips = found.clips
    assert [c.subject for c in clips][:6] == ["s1"] * 6
    assert clips[0].clip_id == "s1_ne_01"
    assert (clips[0].first, clips[0].last, clips[0].frames) == (99999, 100000, 2)
    assert (clips[0].onset, clips[0].apex, clips[0].offset) == (99999, None, 100000)
    assert {c.clip_id for c in clips if c.subject == "s5"} == {"s5_ne_01", "s5_sur_01"}


@pytest.mark.parametrize(("camera", "fps"), [("HS", 100), ("VIS", 25), ("NIR", 25)])
def test_each_camera_has_its_frame_rate(tmp_path, camera, fps):
    tree = tmp_path / f"SMIC/SMIC_all_raw/{camera}/s11/micro/positive/s11_po_01"
    frames(tree, range(5), "image{}.bmp")
    settings = {"kind": "smic", "root": str(tmp_path), "camera": camera}
    assert listing(**settings).clips[0].fps == fps
    assert listing(**settings, fps=50).clips[0].fps == 50


def test_a_missing_clip_is_named_by_the_counts(tmp_path):
    root = smic_tree(tmp_path / "SMIC_all_raw")
    (root / "HS/s19/micro/surprise/s19_sur_01").unlink()
    found = listing(kind="smic", root=str(tmp_path))
    with pytest.raises(DataError, match=r"clips 163 \(expected 164\), per_label.surprise 42"):
        manifest.check_counts(found.clips, SMIC)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("HS/s1/micro/angry/s1_ne_01", "unknown class folder"),
        ("HS/s1/micro/negative/s2_ne_01", "clip of s2 in the folder of s1"),
        ("HS/s1/micro/negative/s1_po_01", "clip code 'po' in the class folder negative"),
        ("HS/s1/micro/negative/clip1", "not a clip's name"),
        ("HS/s1/micro/negative/s1_xx_01", "not a clip's name"),
        ("HS/extras/micro/negative/s1_ne_01", "not a subject's folder"),
    ],
)
def test_what_does_not_fit_smics_layout_is_refused(tmp_path, wrong, message):
    (tmp_path / "SMIC_all_raw" / wrong).mkdir(parents=True)
    with pytest.raises(DataError, match=message):
        listing(kind="smic", root=str(tmp_path))


def test_spellings_of_surprise_and_non_micro(tmp_path):
    base = tmp_path / "SMIC_all_raw/HS/s02"
    for folder in ("micro/Surprise/s02_su_3", "non_micro/neutral one"):
        frames(base / folder, [7], "image{}.bmp")
    labels = ["negative", "positive", "surprise", "non_micro"]
    found = listing(kind="smic", root=str(tmp_path), labels=labels)
    assert [(c.clip_id, c.label, c.onset) for c in found.clips] == [
        ("s2_non_neutral_one", "non_micro", None),
        ("s2_sur_03", "surprise", 7),
    ]
    without = listing(kind="smic", root=str(tmp_path))
    assert [c.clip_id for c in without.clips] == ["s2_sur_03"]


def test_gaps_and_empty_folders_are_findings(tmp_path):
    base = tmp_path / "SMIC_all_raw/HS/s2/micro/negative"
    frames(base / "s2_ne_01", [8, 9, 11, 15], "image{}.bmp")
    frames(base / "s2_ne_02", [])
    found = listing(kind="smic", root=str(tmp_path))
    assert problems(found) == [("missing_frames", "s2_ne_01"), ("missing_clips", "s2_ne_02")]
    assert "no image 10, 12-14 of 8-15" in found.findings[0].detail
    assert [(c.clip_id, c.frames) for c in found.clips] == [("s2_ne_01", 4)]


def test_the_same_clip_in_two_spellings_is_refused(tmp_path):
    for name in ("s2/micro/negative/s2_ne_01", "s02/micro/negative/s02_ne_1"):
        frames(tmp_path / "SMIC_all_raw/HS" / name, [1], "image{}.bmp")
    found = listing(kind="smic", root=str(tmp_path))
    with pytest.raises(DataError, match="clip s2_ne_01: 2 clips have this name"):
        manifest.check(found.clips, Data().labels)


def test_missing_folder_names_the_key(tmp_path):
    with pytest.raises(DataError, match=r"data\.root: no folder SMIC_all_raw/HS"):
        listing(kind="smic", root=str(tmp_path))


def test_a_class_can_be_left_out_by_name_only(tmp_path):
    smic_tree(tmp_path / "SMIC_all_raw")
    two = {"kind": "smic", "root": str(tmp_path), "labels": ["negative", "positive"]}
    dropped = listing(**two, drop_labels=["Surprise"])
    assert len(dropped.clips) == 121
    assert {f.problem for f in dropped.findings} == {"dropped_label"}
    assert len(dropped.findings) == 43
    unknown = listing(**two)
    assert len(unknown.clips) == 121
    assert {f.problem for f in unknown.findings} == {"unknown_labels"}
