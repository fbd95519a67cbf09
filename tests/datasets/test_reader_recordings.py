"""Releases of long recordings, in which each row of the table cuts out its own clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from microexpr.errors import ConfigError, DataError
from release_trees import frames, listing, problems, workbook

CAS3_TABLE = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
CAS3_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
CAS3_LABELS = ["others", "disgust", "fear"]


def part_a(root: Path, *rows: tuple) -> dict:
    """Write part A of CAS(ME)^3 with frames 1-500 in each recording."""
    for subject, name, *_ in rows:
        frames(root / "part_A" / subject / name.lower() / "color", range(1, 501), "{}.jpg")
        frames(root / "part_A" / subject / name.lower() / "depth", range(1, 9), "{}.png")
    workbook(root / CAS3_TABLE, {"label": [CAS3_HEADER, *rows], "Sheet1": [("x",)]})
    return {"kind": "casme3", "root": str(root), "labels": CAS3_LABELS}


def test_part_a_cuts_several_clips_out_of_a_recording(tmp_path):
    settings = part_a(
        tmp_path,
        ("spNO.1", "e", "62", "68", "96", "R12", "I", "others"),
        ("spNO.1", "e", "96", "102", "106", "R12", "I", "Others"),
        ("spNO.10", "J", "355", "359", "360", "5", "II", "disgust"),
    )
    found = listing(**settings)
    assert found.findings == []
    assert [(c.clip_id, c.subject, c.first, c.apex, c.last) for c in found.clips] == [
        ("spNO.1_e_62", "spNO.1", 62, 68, 96),
        ("spNO.1_e_96", "spNO.1", 96, 102, 106),
        ("spNO.10_J_355", "spNO.10", 355, 359, 360),
    ]
    assert {c.fps for c in found.clips} == {30}
    assert found.clips[2].source == "part_A/spNO.10/j/color"


def test_the_known_errors_of_part_a_are_corrected_by_name_and_onset(tmp_path):
    settings = part_a(
        tmp_path,
        ("spNO.149", "d", "112", "83", "358", "T28+14", "VII", "fear"),
        ("spNO.214", "c", "5", "5", "3460", "17+4", "VII", "disgust"),
        ("spNO.216", "e", "0", "0", "25", "14", "VII", "others"),
        ("spNO.216", "e", "463", "471", "493", "R1+R2", "II", "others"),
    )
    found = listing(**settings)
    assert [(c.clip_id, c.first, c.apex, c.last) for c in found.clips] == [
        ("spNO.149_d_112", 112, 160, 358),
        ("spNO.214_c_5", 5, 5, 34),
        ("spNO.216_e_0", 1, 1, 25),
        ("spNO.216_e_463", 463, 471, 493),
    ]
    assert [p for p, _ in problems(found)] == ["annotation_error"] * 3
    assert "onset 0 becomes 1, apex 0 becomes 1 (" in found.findings[2].detail


def test_the_same_row_elsewhere_is_not_corrected(tmp_path):
    settings = part_a(tmp_path, ("spNO.150", "d", "112", "83", "358", "14", "VII", "fear"))
    found = listing(**settings)
    assert problems(found) == [("missing_apex", "spNO.150_d_112")]
    assert found.clips[0].apex is None


def test_a_recording_that_is_not_there_and_a_tree_that_does_not_exist(tmp_path):
    settings = part_a(
        tmp_path,
        ("spNO.1", "a", "62", "68", "96", "R12", "I", "others"),
        ("spNO.1", "b", "62", "68", "96", "R12", "I", "others"),
    )
    (tmp_path / "part_A/spNO.1/b/color").rename(tmp_path / "part_A/spNO.1/b/colour")
    assert problems(listing(**settings)) == [("missing_clips", "spNO.1_b_62")]
    with pytest.raises(ConfigError, match="data.version: kind casme3 has no tree 'cropped'"):
        listing(**settings, version="cropped")


def test_part_c_has_one_recording_a_subject_and_no_apex(tmp_path):
    rows = [
        ("sub", "count", "onset", "offset", "au", "emotion"),
        (1, 1, 373, 385, "R4,5", "negative"),
        (1, 2, 650, 664, "R2,7", "surprise"),
        (31, 1, 311, 316, 1, "others"),
    ]
    for subject in ("01", "31"):
        frames(tmp_path / f"part_C/{subject}/a/color", range(300, 700), "{}.jpg")
    workbook(tmp_path / "CAS(ME)3_part_C_ME.xlsx", {"mockCrimeME": rows})
    settings = {"kind": "casme3", "part": "C", "root": str(tmp_path), "drop_labels": ["others"]}
    found = listing(**settings)
    assert [(c.clip_id, c.subject, c.first, c.last, c.apex) for c in found.clips] == [
        ("c01_1", "c01", 373, 385, None),
        ("c01_2", "c01", 650, 664, None),
    ]
    assert problems(found) == [("dropped_label", "c31_1")]
    (tmp_path / "part_C/01/b").mkdir()
    with pytest.raises(DataError, match="01: 2 folders, one recording was expected"):
        listing(**settings)


SQ_SUBJECTS = [(15, "s15", 1), (16, "s16", 2)]
SQ_VIDEOS = [("0101", "disgust1"), (503, "happy2")]


def cas_sq(root: Path, *rows: tuple, subjects: list = SQ_SUBJECTS) -> dict:
    """Write a CAS(ME)^2 with frames 1-300 in each recording."""
    for folder in (
        "s15/15_0101disgustingteeth",
        "s15/15_0503unnyfarting",
        "s16/16_0101disgustingteeth",
    ):
        frames(root / "rawpic" / folder, range(1, 301), "img_{}.jpg")
    sheets = {"CASFEcode_final": rows, "naming rule1": subjects, "naming rule2": SQ_VIDEOS}
    workbook(root / "CAS(ME)^2code_final(Updated).xlsx", sheets)
    return {"kind": "casme_sq", "root": str(root)}


MICRO = "micro-expression"


def test_cas_sq_joins_three_sheets_without_headers(tmp_path):
    settings = cas_sq(
        tmp_path,
        (1, "disgust1_1", 138, 144, 149, "4+7", "negative", MICRO, "disgust"),
        (1, "happy2_1", 8, 14, 19, "12", "positive", MICRO, "happiness"),
        (2, "disgust1_1", "20", "25", "30", "4", "surprise", MICRO, "disgust"),
        (2, "disgust1_2", 40, 50, 90, "4", "negative", "macro-expression", "disgust"),
    )
    found = listing(**settings)
    assert [(c.clip_id, c.subject, c.label, c.first, c.last) for c in found.clips] == [
        ("s15_disgust1_1", "s15", "negative", 138, 149),
        ("s15_happy2_1", "s15", "positive", 8, 19),
        ("s16_disgust1_1", "s16", "surprise", 20, 30),
    ]
    assert found.clips[1].source == "rawpic/s15/15_0503unnyfarting"
    assert {c.fps for c in found.clips} == {30}
    assert problems(found) == [("macro_expression", "s16_disgust1_2")]


def test_cas_sq_reports_open_ends_and_unknown_names(tmp_path):
    settings = cas_sq(
        tmp_path,
        (1, "disgust1_1", 138, 144, 149, "4+7", "negative", MICRO, "disgust"),
        (1, "disgust1_2", 200, 210, 0, "4+7", "negative", MICRO, "disgust"),
        (9, "disgust1_1", 138, 144, 149, "4+7", "negative", MICRO, "disgust"),
        (1, "anger7_1", 138, 144, 149, "4+7", "negative", MICRO, "anger"),
    )
    found = listing(**settings)
    assert [c.clip_id for c in found.clips] == ["s15_disgust1_1"]
    assert [p for p, _ in problems(found)] == ["unreadable_rows"] * 3
    assert [f.detail.split(":")[0].split()[-1] for f in found.findings] == ["2", "3", "4"]


def test_cas_sq_needs_its_three_sheets_and_eight_columns(tmp_path):
    settings = cas_sq(tmp_path, (1, "disgust1_1", 138, 144, 149))
    with pytest.raises(DataError, match="sheet 1, line 1 has .* columns, 8 are needed"):
        listing(**settings)
    workbook(tmp_path / "CAS(ME)^2code_final(Updated).xlsx", {"CASFEcode_final": [(1,)]})
    with pytest.raises(DataError, match="has no sheet 2"):
        listing(**settings)


def test_cas_sq_refuses_two_recordings_of_one_code(tmp_path):
    settings = cas_sq(tmp_path, (1, "disgust1_1", 138, 144, 149, "4", "negative", MICRO, "disgust"))
    frames(tmp_path / "rawpic/s15/15_0101copy", [1])
    with pytest.raises(DataError, match="15_0101copy and 15_0101disgustingteeth are both 15_0101"):
        listing(**settings)


E_HEADER = (
    "Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F", "Offset3F",
    None, "FirstF", "LastF", "Emotion",
)  # fmt: skip
VIS_HEADER = (
    "Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", None, "FirstF",
    "Emotion",
)  # fmt: skip


def smic_e(root: Path, *rows: tuple, tree: str = "SMIC-E_raw image/HS_long/SMIC-HS-E") -> dict:
    """Write an SMIC-E: recordings of 300 frames from FirstF on, and a sheet for VIS."""
    vis = ("3", "s3_ne_03", None, 7750, 7754, None, None, None, 7712, "negative")
    for row in rows:
        folder = root / tree / f"s{int(row[0]):02d}" / row[1]
        frames(folder, range(row[10], row[10] + 300), "image{:06d}.jpg")
    vis_tree = root / tree.replace("HS_long", "VIS_long").replace("SMIC-HS-E", "SMIC-VIS-E")
    frames(vis_tree / "s03/s3_ne_03", range(7712, 7764), "image{:06d}.jpg")
    sheets = {"HS": [E_HEADER, *rows, (None,) * 13], "VIS": [VIS_HEADER, vis]}
    workbook(root / Path(tree).parent / "SMIC-HS-E_annotation_2019.xlsx", sheets)
    return {"kind": "smic_e", "root": str(root)}


def row_e(subject: int, name: str, pairs: list[int | None], first: int, emotion: str) -> tuple:
    """Give a row of SMIC-E's table; `pairs` are onset and offset, up to three times."""
    return (subject, name, None, *(pairs + [None] * 6)[:6], None, first, first + 299, emotion)


def test_smic_e_cuts_every_pair_of_onset_and_offset(tmp_path):
    settings = smic_e(
        tmp_path,
        row_e(3, "s3_ne_03", [302330, 302356, 302370, 302380], 302200, "negative"),
        row_e(20, "s20_sur_02", [17581039, 17581055], 17580887, "surprise"),
    )
    found = listing(**settings)
    assert found.findings == []
    assert [(c.clip_id, c.subject, c.first, c.last) for c in found.clips] == [
        ("s3_ne_03", "s3", 302330, 302356),
        ("s3_ne_03_2", "s3", 302370, 302380),
        ("s20_sur_02", "s20", 17581039, 17581055),
    ]
    assert {c.fps for c in found.clips} == {100}


def test_smic_e_reports_remains_of_formulas_and_repeated_pairs(tmp_path):
    settings = smic_e(
        tmp_path,
        row_e(20, "s20_ne_06", [68815, 68835, 68855, 68883, 49887, 68743], 68743, "negative"),
        row_e(9, "s9_sur_01", [61006, 61032, 61050, 61091, 61050, 61091], 60900, "surprise"),
    )
    found = listing(**settings)
    assert problems(found) == [
        ("unreadable_rows", "s20_ne_06_3"),
        ("duplicate_rows", "s9_sur_01_3"),
    ]
    assert "49887 before FirstF" in found.findings[0].detail
    assert len(found.clips) == 4


@pytest.mark.parametrize(
    "tree", ["HS_long/SMIC_HS_E", "SMIC_E_raw_image/HS_long/SMIC-HS-E/HS", "HS_long/SMIC-HS-E"]
)
def test_smic_e_in_the_folders_that_copies_have(tmp_path, tree):
    settings = smic_e(tmp_path, row_e(3, "s3_ne_03", [330, 356], 200, "negative"), tree=tree)
    table = next(tmp_path.rglob("*.xlsx"))
    found = listing(**settings, table=str(table))
    assert [(c.clip_id, c.first, c.last) for c in found.clips] == [("s3_ne_03", 330, 356)]


def test_smic_e_reads_the_sheet_of_its_camera(tmp_path):
    settings = smic_e(tmp_path, row_e(3, "s3_ne_03", [330, 356], 200, "negative"))
    table = str(next(tmp_path.rglob("*.xlsx")))
    found = listing(**settings, camera="VIS", table=table)
    assert [(c.clip_id, c.first, c.last, c.fps) for c in found.clips] == [
        ("s3_ne_03", 7750, 7754, 25)
    ]
    frames(tmp_path / "NIR_long/SMIC-NIR-E/s03/s3_ne_03", range(5), "image{}.jpg")
    with pytest.raises(DataError, match=r"has no sheet NIR, but \['HS', 'VIS'\]"):
        listing(**settings, camera="NIR", table=table)


def test_smic_e_ambiguous_tables(tmp_path):
    settings = smic_e(tmp_path, row_e(3, "s3_ne_03", [330, 356], 200, "negative"))
    table = next(tmp_path.rglob("*.xlsx"))
    (table.parent / "SMIC-HS-E_annotation_orig.xlsx").write_bytes(table.read_bytes())
    with pytest.raises(DataError, match="are both annotations; name one"):
        listing(**settings)
