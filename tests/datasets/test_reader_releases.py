"""Releases with a folder a clip and a table beside them: right copies, and the wrong ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from microexpr.config import Expected
from microexpr.datasets.annotated import action_units
from microexpr.datasets.decoder import note_long_clips
from microexpr.datasets.manifest import check_counts
from microexpr.errors import ConfigError, DataError
from release_trees import (
    CASME2_HEADER,
    SAMM_HEADER,
    SAMM_NOTES,
    casme2_row,
    casme2_tree,
    frames,
    listing,
    problems,
    samm_row,
    samm_tree,
    workbook,
)

THREE = {"disgust": "negative", "repression": "negative", "happiness": "positive"}
CASME2 = {"kind": "casme2", "label_map": THREE, "drop_labels": ["others", "fear", "sadness"]}
SAMM = {
    "kind": "samm",
    "label_map": {**THREE, "anger": "negative", "fear": "negative", "contempt": "negative"},
    "drop_labels": ["other"],
}
TABLE = "CASME2-coding-20140508.xlsx"


def small(root: Path, *rows: tuple, tree: str = "CASME2_RAW_selected") -> dict:
    """Write a CASME II of these rows, each with frames 46-86, and give its settings."""
    for row in rows:
        frames(root / tree / "sub01" / str(row[1]), range(40, 91))
    workbook(root / TABLE, {"Sheet1": [CASME2_HEADER, *rows]})
    return {**CASME2, "root": str(root)}


@pytest.mark.parametrize("version", ["raw", "cropped"])
def test_casme2(tmp_path, version):
    tree, prefix = {"raw": ("CASME2_RAW_selected", "img"), "cropped": ("Cropped", "reg_img")}[
        version
    ]
    casme2_tree(tmp_path, tree, prefix)
    found = listing(**CASME2, root=str(tmp_path), version=version)
    counts = [
        sum(c.label == label for c in found.clips) for label in ("negative", "positive", "surprise")
    ]
    assert (len(found.clips), counts) == (147, [90, 32, 25])
    assert len({c.subject for c in found.clips}) == 24
    assert [p for p, _ in problems(found)] == ["dropped_label"] * 108
    clip = found.clips[0]
    assert (clip.subject, clip.clip_id.startswith("sub01_EP01_"), clip.fps) == ("sub01", True, 200)
    # The folder holds frames 9-26, the expression is 11-24.
    assert (clip.first, clip.last, clip.frames) == (11, 24, 14)
    assert (clip.onset, clip.apex, clip.offset) == (11, 18, 24)
    assert clip.source.startswith(f"{tree}/sub01/EP01_")


@pytest.mark.parametrize(("version", "tree"), [("raw", "SAMM"), ("cropped", "SAMM_CROP")])
def test_samm_with_its_header_on_line_14(tmp_path, version, tree):
    samm_tree(tmp_path, tree)
    settings = {**SAMM, "label_map": {**SAMM["label_map"], "sadness": "negative"}}
    found = listing(**settings, root=str(tmp_path), version=version)
    counts = [
        sum(c.label == label for c in found.clips) for label in ("negative", "positive", "surprise")
    ]
    assert (len(found.clips), counts) == (133, [92, 26, 15])
    assert len({c.subject for c in found.clips}) == 28
    assert [p for p, _ in problems(found)] == ["dropped_label"] * 26
    clip = found.clips[0]
    assert (clip.clip_id, clip.subject) == ("001_1_1", "001")
    assert (clip.first, clip.last, clip.fps) == (101, 114, 200)


@pytest.mark.parametrize("root", [".", "CASME2", "CASME2/CASME2_RAW_selected"])
def test_the_root_may_be_the_tree_or_above_it(tmp_path, root):
    small(tmp_path / "CASME2", casme2_row("01", "EP02_01f", (46, 59, 86), "happiness"))
    found = listing(**CASME2, root=str(tmp_path / root), table=str(tmp_path / "CASME2" / TABLE))
    assert (found.clips[0].first, found.clips[0].last) == (46, 86)
    assert (tmp_path / root / found.clips[0].source).is_dir()


def test_a_folder_unpacked_into_itself(tmp_path):
    tree = "CASME2_RAW_selected/CASME2_RAW_selected"
    settings = small(tmp_path, casme2_row("01", "EP02_01f", (46, 59, 86), "surprise"), tree=tree)
    assert len(listing(**settings).clips) == 1


def test_numbers_stored_as_text_and_subjects_as_numbers(tmp_path):
    settings = small(tmp_path, casme2_row(1, "EP02_01f", ("46", " 59 ", 86.0), "Happiness "))
    found = listing(**settings)
    clip = found.clips[0]
    assert (clip.subject, clip.label) == ("sub01", "positive")
    assert (clip.onset, clip.apex, clip.offset) == (46, 59, 86)
    assert found.findings == []


def test_an_apex_that_is_no_number_or_outside_is_left_empty_and_reported(tmp_path):
    settings = small(
        tmp_path,
        casme2_row("01", "EP12_01f", (46, "/", 86), "disgust"),
        casme2_row("01", "EP12_02f", (46, 90, 86), "disgust"),
        casme2_row("01", "EP12_03f", (46, 46, 86), "disgust"),
    )
    found = listing(**settings)
    assert [clip.apex for clip in found.clips] == [None, None, 46]
    assert problems(found) == [
        ("missing_apex", "sub01_EP12_01f"),
        ("missing_apex", "sub01_EP12_02f"),
    ]
    assert [f.action for f in found.findings] == ["kept", "kept"]
    assert "line 2: apex '/'" in found.findings[0].detail
    assert "apex 90 lies outside 46-86" in found.findings[1].detail


def test_a_table_without_any_apex_has_no_finding_about_it(tmp_path):
    rows = [casme2_row("01", f"EP12_0{k}f", (46, None, 86), "disgust") for k in (1, 2)]
    assert listing(**small(tmp_path, *rows)).findings == []


@pytest.mark.parametrize(
    "row",
    [
        casme2_row("", "EP01_01", (46, 50, 86), "disgust"),
        casme2_row("total", "EP01_01", (46, 50, 86), "disgust"),
        casme2_row("01", None, (46, 50, 86), "disgust"),
        casme2_row("01", "EP01_01", ("/", 50, 86), "disgust"),
        casme2_row("01", "EP01_01", (46, 50, None), "disgust"),
        casme2_row("01", "EP01_01", (86, 50, 46), "disgust"),
        casme2_row("01", "EP01_01", (46, 50, 86), ""),
    ],
)
def test_rows_that_cannot_be_read_are_reported_by_line(tmp_path, row):
    good = casme2_row("01", "EP02_01f", (46, 59, 86), "surprise")
    found = listing(**small(tmp_path, good, row))
    assert [clip.clip_id for clip in found.clips] == ["sub01_EP02_01f"]
    rows = [f for f in found.findings if f.problem == "unreadable_rows"]
    assert len(rows) == 1
    assert f"{TABLE} line 3" in rows[0].detail


def test_missing_frames_are_named_and_the_clip_is_kept(tmp_path):
    settings = small(tmp_path, casme2_row("01", "EP02_01f", (46, 59, 95), "surprise"))
    (tmp_path / "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg").unlink()
    (tmp_path / "CASME2_RAW_selected/sub01/EP02_01f/img50.jpg").unlink()
    found = listing(**settings)
    assert problems(found) == [("missing_frames", "sub01_EP02_01f")]
    assert "no image 46, 50, 91-95 of 46-95" in found.findings[0].detail
    clip = found.clips[0]
    assert (clip.first, clip.last, clip.frames) == (47, 90, 43)
    assert (clip.onset, clip.offset) == (46, 95)


def test_missing_and_unlisted_and_doubled_clips(tmp_path):
    settings = small(
        tmp_path,
        casme2_row("01", "EP02_01f", (46, 59, 86), "surprise"),
        casme2_row("01", "EP02_01f", (46, 59, 86), "surprise"),
        casme2_row("01", "EP09_09", (46, 59, 86), "surprise"),
        casme2_row("01", "EP03_01", (146, 159, 186), "surprise"),
        casme2_row("01", "EP04_01", (46, 59, 86), "others"),
    )
    tree = tmp_path / "CASME2_RAW_selected/sub01"
    for image in (tree / "EP09_09").iterdir():
        image.unlink()
    (tree / "EP09_09").rmdir()
    frames(tree / "EP99_01", [1])
    found = listing(**settings)
    assert problems(found) == [
        ("duplicate_rows", "sub01_EP02_01f"),
        ("missing_clips", "sub01_EP09_09"),
        ("missing_clips", "sub01_EP03_01"),
        ("dropped_label", "sub01_EP04_01"),
        ("unlisted_clips", "sub01_EP99_01"),
    ]
    assert "line 3: line 2 describes the same clip" in found.findings[0].detail
    assert "holds no image 146-186" in found.findings[2].detail
    assert "folder CASME2_RAW_selected/sub01/EP99_01 is in no row" in found.findings[-1].detail
    assert len(found.clips) == 1


def test_an_unknown_emotion_is_reported_and_names_the_keys(tmp_path):
    settings = small(
        tmp_path,
        casme2_row("01", "EP02_01f", (46, 59, 86), "surprise"),
        casme2_row("01", "EP03_01f", (46, 59, 86), "tense"),
    )
    found = listing(**settings)
    assert problems(found) == [("unknown_labels", "sub01_EP03_01f")]
    assert re.search(
        "'tense' is in none of data.labels, label_map, drop_labels", str(found.findings[0])
    )


def test_nothing_left_names_every_reason(tmp_path):
    rows = [casme2_row("01", f"EP03_0{k}f", (46, 59, 86), "tense") for k in (1, 2)]
    with pytest.raises(DataError) as caught:
        listing(**small(tmp_path, *rows))
    *reasons, last = caught.value.messages
    assert [reason.split(":")[0] for reason in reasons] == [
        "clip sub01_EP03_01f",
        "clip sub01_EP03_02f",
    ]
    assert last == "no clip can be used; reasons: 2"


@pytest.mark.parametrize(
    ("folder", "subject", "name"),
    [
        ("sub1/EP02_01f", "01", "EP02_01f"),
        ("SUB01/ep02_01F", "01", "EP02_01f "),
        ("sub01/EP2_1f", "01", "EP02_01f"),
        ("sub01/Ärger 1", "01", "Ärger 1"),
        ("sub01/A\u0308rger 1", "01", "Ärger 1"),
    ],
)
def test_spellings_of_folders(tmp_path, folder, subject, name):
    frames(tmp_path / "CASME2_RAW_selected" / folder, range(46, 87))
    row = casme2_row(subject, name, (46, 59, 86), "disgust")
    workbook(tmp_path / TABLE, {"Sheet1": [CASME2_HEADER, row]})
    found = listing(**CASME2, root=str(tmp_path))
    assert [clip.source for clip in found.clips] == [f"CASME2_RAW_selected/{folder}"]
    assert found.findings == []


def test_two_folders_of_one_name_are_refused(tmp_path):
    for folder in ("sub01/ep02_01f", "sub01/EP2_01f"):
        frames(tmp_path / "CASME2_RAW_selected" / folder, [50])
    row = casme2_row("01", "EP02_01F", (46, 59, 86), "disgust")
    workbook(tmp_path / TABLE, {"Sheet1": [CASME2_HEADER, row]})
    with pytest.raises(DataError, match=r"EP2_01f and ep02_01f are both EP02_01F"):
        listing(**CASME2, root=str(tmp_path))


def test_padding_may_change_and_other_files_may_lie_about(tmp_path):
    settings = small(tmp_path, casme2_row("01", "EP02_01f", (8, 10, 101), "surprise"))
    folder = tmp_path / "CASME2_RAW_selected/sub01/EP02_01f"
    frames(folder, range(8, 10), "img{:03d}.jpg")
    frames(folder, range(10, 40), "img{}.jpg")
    frames(folder, range(91, 102), "img{:03d}.JPG")
    (folder / "Thumbs.db").touch()
    (folder / "notes.txt").touch()
    frames(tmp_path / "CASME2_RAW_selected/.cache/x", [1])
    found = listing(**settings)
    assert found.findings == []
    assert (found.clips[0].first, found.clips[0].last, found.clips[0].frames) == (8, 101, 94)


def test_a_table_as_csv_and_a_lock_file_beside_it(tmp_path):
    settings = small(tmp_path, casme2_row("01", "EP02_01f", (46, 59, 86), "surprise"))
    (tmp_path / TABLE).unlink()
    (tmp_path / f"~${TABLE}").touch()
    header = ",".join(name or "" for name in CASME2_HEADER)
    (tmp_path / "CASME2-coding.csv").write_text(f"{header}\n01,EP02_01f,,46,59,86,,4+7,surprise\n")
    assert len(listing(**settings).clips) == 1


def test_two_tables_ask_for_data_table(tmp_path):
    settings = small(tmp_path, casme2_row("01", "EP02_01f", (46, 59, 86), "surprise"))
    later = tmp_path / "CASME2-coding-20190701.xlsx"
    later.write_bytes((tmp_path / TABLE).read_bytes())
    with pytest.raises(
        DataError, match=r"data.table: .*20140508.xlsx and .*20190701.xlsx are both"
    ):
        listing(**settings)
    assert len(listing(**settings, table=str(later)).clips) == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: (r / TABLE).unlink(), r"data.table: no casme2-coding\*.xlsx"),
        (
            lambda r: (r / "CASME2_RAW_selected").rename(r / "raw"),
            "data.root: no folder CASME2_RAW",
        ),
        (
            lambda r: workbook(r / TABLE, {"s": [("Subject", "Filename", "OnsetFrame")]}),
            "lacks OffsetFrame, Estimated Emotion|lacks ApexFrame, OffsetFrame, Estimated Emotion",
        ),
        (
            lambda r: (r / TABLE).write_bytes(b"\xd0\xcf\x11\xe0"),
            "save it again as .xlsx",
        ),
    ],
)
def test_what_is_not_there_is_named(tmp_path, spoil, message):
    settings = small(tmp_path, casme2_row("01", "EP02_01f", (46, 59, 86), "surprise"))
    spoil(tmp_path)
    with pytest.raises(DataError, match=message):
        listing(**settings)


def test_a_given_table_that_is_not_there(tmp_path):
    settings = small(tmp_path, casme2_row("01", "EP02_01f", (46, 59, 86), "surprise"))
    with pytest.raises(DataError, match=r"data.table: gone.xlsx does not exist"):
        listing(**settings, table="gone.xlsx")


def test_samms_known_error_is_corrected_and_reported(tmp_path):
    rows = [
        samm_row("013", "013_1_9", (5658, 5680, 5793), "Anger"),
        samm_row(13, "013_1_8", (5658, 5680, 5739), "Anger"),
    ]
    for name in ("013_1_8", "013_1_9"):
        frames(tmp_path / "SAMM/013" / name, range(5650, 5745), "013_{:05d}.jpg")
    table = {"MICRO_ONLY": [*SAMM_NOTES, SAMM_HEADER, *rows]}
    workbook(tmp_path / "SAMM/SAMM_Micro_FACS_Codes_v2.xlsx", table)
    found = listing(**SAMM, root=str(tmp_path / "SAMM"))
    assert {(c.clip_id, c.last) for c in found.clips} == {("013_1_8", 5739), ("013_1_9", 5739)}
    assert problems(found) == [("annotation_error", "013_1_9")]
    assert found.findings[0].action == "corrected"
    assert "line 15: offset 5793 becomes 5739 (" in found.findings[0].detail


def test_casme_with_both_paddings(tmp_path):
    header = (
        "Subject",
        "Filename",
        None,
        "OnsetF",
        "ApexF1",
        "ApexF2",
        "OffsetF",
        None,
        "AU",
        "Emotion",
    )
    rows = [
        (1, "EP01_12", None, 73, 81, 0, 91, None, "14", "tense"),
        # Another expression in the same recording is a clip of its own.
        (1, "EP01_12", None, 163, 169, 0, 177, None, "R4,5", "tense"),
        (19, "EP06_1", None, 8, 11, 12, 101, None, "4", "disgust"),
    ]
    frames(tmp_path / "CASME_raw_selected/sub01/EP01_12", range(73, 180), "EP01_12-{}.jpg")
    frames(tmp_path / "CASME_raw_selected/sub19/EP06_1", range(1, 110), "EP06_1-{:03d}.jpg")
    workbook(tmp_path / "casme.xlsx", {"Sheet1": [header, *rows]})
    found = listing(kind="casme", root=str(tmp_path), labels=["tense", "disgust"])
    assert found.findings == []
    assert [(c.clip_id, c.first, c.apex, c.last, c.action_units) for c in found.clips] == [
        ("sub01_EP01_12_73", 73, 81, 91, "14"),
        ("sub01_EP01_12_163", 163, 169, 177, "R4+5"),
        ("sub19_EP06_1_8", 8, 11, 101, "4"),
    ]
    assert {c.fps for c in found.clips} == {60}


def mmew(root: Path) -> dict:
    """Write an MMEW of three clips, one in a folder of another name than its label."""
    header = (
        "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units",
        "Estimated Emotion", "remarks",
    )  # fmt: skip
    rows = [
        (13, "S13-07-001", 1, 15, 44, "17+23", "anger", None),
        ("S02", "S02-03-001", 1, 11, 39, "4+7", "disgust", None),
        (3, "S03-04-001", 1, 9, 20, "7", "others", None),
    ]
    folders = {"S13-07-001": "anger", "S02-03-001": "disgust", "S03-04-001": "repression"}
    for name, label in folders.items():
        frames(root / "MMEW_Final/Micro_Expression" / label / name, range(1, 46), "{}.jpg")
    frames(root / "MMEW_Final/Macro_Expression/S01/anger", range(1, 5), "S01-07-{:03d}.jpg")
    workbook(root / "MMEW_Final/MMEW_Micro_Exp.xlsx", {"Sheet1": [header, *rows]})
    return {"kind": "mmew", "root": str(root), "labels": ["anger", "disgust", "others"]}


@pytest.mark.parametrize("version", ["raw", "cropped"])
def test_mmew_takes_the_tables_label_whatever_the_folder_says(tmp_path, version):
    found = listing(**mmew(tmp_path), version=version)
    assert found.findings == []
    assert [(c.clip_id, c.subject, c.label, c.frames, c.fps) for c in found.clips] == [
        ("S02-03-001", "S02", "disgust", 39, 90),
        ("S03-04-001", "S03", "others", 20, 90),
        ("S13-07-001", "S13", "anger", 44, 90),
    ]


def test_mmew_with_a_clip_in_two_classes_is_found(tmp_path):
    settings = mmew(tmp_path)
    before = listing(**settings)
    frames(tmp_path / "MMEW_Final/Micro_Expression/fear/S13-07-001", [1], "{}.jpg")
    found = listing(**settings)
    assert len(found.clips) == len(before.clips) - 1
    (finding,) = [f for f in found.findings if f.problem == "unreadable_rows"]
    assert finding.clip_id == "S13-07-001"
    assert "clip S13-07-001 is in anger and fear" in finding.detail


def test_4dme_needs_a_frame_rate_and_joins_emotions_by_the_map(tmp_path):
    header = ("sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs", "AU1")
    rows = [
        ("S01", "S01_1st_001_01", "Positive", 2380.0, 2390.0, 2400.0, "AU12", 0),
        ("S13", "S13_1st_002_01", "Surprise+Positive", "100", "103", "110", "AU1", 1),
    ]
    frames(tmp_path / "4DMicro/gray_micro/S01/S01_1st_001_01", range(2380, 2401), "frame_{}.jpg")
    frames(tmp_path / "4DMicro/gray_micro/S13/S13_1st_002_01", range(100, 111), "frame_{}.jpg")
    workbook(tmp_path / "4DMicro/4DME_Labelling_Micro_release v1.xlsx", {"Sheet1": [header, *rows]})
    settings = {"kind": "fourdme", "root": str(tmp_path), "drop_labels": ["surprise+positive"]}
    with pytest.raises(ConfigError, match="data.fps: kind fourdme needs it"):
        listing(**settings)
    found = listing(**settings, fps=60)
    assert [(c.clip_id, c.apex, c.fps) for c in found.clips] == [("S01_S01_1st_001_01", 2390, 60)]
    assert problems(found) == [("dropped_label", "S13_S13_1st_002_01")]
    both = listing(
        **settings | {"drop_labels": []}, fps=60, label_map={"surprise+positive": "surprise"}
    )
    assert [c.label for c in both.clips] == ["positive", "surprise"]


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        (12, "12"),
        ("L12", "L12"),
        ("R1 + R2", "R1+R2"),
        ("R4,5", "R4+5"),
        ("4\uff0c11", "4+11"),
        ("14,L24,", "14+L24"),
        ("(R6 or R12) + R15", "(R6 or R12)+R15"),
        ("13?", "13?"),
        ("?", ""),
        (None, ""),
    ],
)
def test_action_units_as_the_tables_print_them(printed, read):
    assert action_units(printed) == read


def test_the_impossible_apexes_of_samm_are_set_aside_by_name(tmp_path):
    rows = [
        samm_row("028", "028_4_1", (1071, 1143, 1134), "Contempt"),
        samm_row("032", "032_3_1", (4896, 1930, 4970), "Anger"),
        samm_row("033", "033_3_1", (10, 9, 20), "Anger"),
    ]
    for row in rows:
        frames(tmp_path / "SAMM" / row[0] / row[1], range(row[3], row[5] + 1), "006_{:05d}.jpg")
    table = {"MICRO_ONLY": [*SAMM_NOTES, SAMM_HEADER, *rows]}
    workbook(tmp_path / "SAMM_Micro_FACS_Codes_v2.xlsx", table)
    found = listing(**SAMM, root=str(tmp_path))
    assert [clip.apex for clip in found.clips] == [None, None, None]
    # The two are known; another apex outside its clip is a problem of this copy.
    assert problems(found) == [
        ("annotation_error", "028_4_1"),
        ("annotation_error", "032_3_1"),
        ("missing_apex", "033_3_1"),
    ]
    assert "apex 1143 is not used (outside the clip" in found.findings[0].detail


@pytest.mark.parametrize(("emotion", "year"), [("sadness", "2014"), ("surprise", "2019")])
def test_the_report_names_the_version_of_casme2s_table(tmp_path, emotion, year):
    names = ("EP07_01", "EP07_04f", "EP10_03")
    rows = [casme2_row("24", name, (46, 59, 86), emotion) for name in names]
    rows.append(casme2_row("24", "EP01_01", (46, 59, 86), "disgust"))
    for row in rows:
        frames(tmp_path / "CASME2_RAW_selected/sub24" / row[1], range(46, 87))
    workbook(tmp_path / TABLE, {"Sheet1": [CASME2_HEADER, *rows]})
    found = listing(**{**CASME2, "drop_labels": ["sadness"]}, root=str(tmp_path))
    detail = next(f.detail for f in found.findings if f.problem == "table_version")
    assert f"the table of {year}: sub24 EP07_01, EP07_04f, EP10_03 are {emotion}" in detail
    with pytest.raises(DataError, match=f"clips {len(found.clips)} .expected 9.*table of {year}"):
        check_counts(found.clips, Expected(clips=9), [detail])


DFME_HEADER = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps",
    "AU",
)  # fmt: skip
DFME_PARTS = {
    "training_full_with_AU.xlsx": ("DFME_train", "train"),
    "testA_full_with_AU.xlsx": ("test_data_A/test_data_A", "testA"),
    "testB_full_with_AU.xlsx": ("test_data_B/test_data_B", "testB"),
}
DFME = {"kind": "dfme", "labels": ["anger", "surprise"]}


def dfme(root: Path, **rows: list[tuple]) -> dict:
    """Write the parts of DFME, each with these rows, and give its settings."""
    for table, (tree, split) in DFME_PARTS.items():
        for row in rows.get(split, []):
            frames(root / tree / row[1], range(row[2], row[4] + 1), "{:05d}.png")
        if split in rows:
            workbook(root / table, {"Sheet1": [DFME_HEADER, *rows[split]]})
    return {**DFME, "root": str(root)}


def test_dfme_has_a_frame_rate_per_clip_and_an_official_split(tmp_path):
    settings = dfme(
        tmp_path,
        train=[
            ("sub0003", "sub0003_01", 0, 9, 12, "anger", 0, 500, 23),
            ("sub0004", "sub0004_01", 7, 9, 12, "surprise", 6, 200, "L1+R2"),
        ],
        testA=[("sub0008", "sub0008_01", 3, 4, 9, "surprise", 6, 300, "AD38")],
        testB=[("sub0001", "sub0001_01", 3, 4, 9, "anger", 0, 500, "L12")],
    )
    found = listing(**settings)
    assert found.findings == []
    assert [
        (c.clip_id, c.subject, c.first, c.fps, c.action_units, c.split) for c in found.clips
    ] == [
        ("sub0001_01", "sub0001", 3, 500, "L12", "testB"),
        ("sub0003_01", "sub0003", 0, 500, "23", "train"),
        ("sub0004_01", "sub0004", 7, 200, "L1+R2", "train"),
        ("sub0008_01", "sub0008", 3, 300, "AD38", "testA"),
    ]
    assert found.clips[1].length == 13


def test_a_part_of_dfme_that_is_not_there_is_a_problem(tmp_path):
    row = ("sub0003", "sub0003_01", 0, 9, 12, "anger", 0, "fast", 23)
    rows = [row, (*row[:1], "sub0003_02", *row[2:7], None, 23), (*row[:7], 200, 23)]
    found = listing(**dfme(tmp_path, train=rows[2:]))
    assert problems(found) == [("missing_clips", ""), ("missing_clips", "")]
    assert "part testA: " in found.findings[0].detail
    found = listing(**dfme(tmp_path, train=[*rows[1:], row]))
    details = [finding.detail for finding in found.findings]
    assert "the cell fps is empty" in details[0]
    frames(tmp_path / "DFME_train/sub0009_01", (1, 2), "{:05d}.png")
    unlisted = [f for f in listing(**dfme(tmp_path, train=rows[2:])).findings if f.clip_id]
    assert [(f.problem, f.subject) for f in unlisted if f.clip_id == "sub0009_01"] == [
        ("unlisted_clips", "sub0009")
    ]


def test_clips_that_last_too_long_are_counted(tmp_path):
    rows = [casme2_row("01", f"EP{n}_1", (1, 2, n), "disgust") for n in (100, 101, 401, 402)]
    for row in rows:
        frames(tmp_path / "CASME2_RAW_selected/sub01" / row[1], (1, row[5]))
    workbook(tmp_path / TABLE, {"Sheet1": [CASME2_HEADER, *rows]})
    found = listing(**CASME2, root=str(tmp_path))
    found.findings.clear()
    note_long_clips(found)
    assert [f.detail.partition(",")[0] for f in found.findings] == [
        "3 of 4 clips last over 0.5 s",
        "2 of 4 clips last over 2.0 s",
    ]
    assert "the longest, sub01_EP402_1, lasts 2.01 s" in found.findings[1].detail
