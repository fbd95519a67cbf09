"""Annotation tables: headers wherever they stand, cells however stored, wrong files named."""

from __future__ import annotations

import pytest

from microexpr.datasets.sheets import frame_number, padded, read_rows, text, with_header
from microexpr.errors import DataError
from release_trees import workbook

COLUMNS = {"subject": ("Subject",), "onset": ("OnsetFrame", "Onset"), "note?": ("Remarks",)}


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (46, 46), (46.0, 46), ("46", 46), (" 046 ", 46), ("46\xa0", 46),
        ("/", None), ("?", None), (None, None), ("", None), (-3, None), (4.5, None), ("4a", None),
        ("٤", None), (True, None),
    ],
)  # fmt: skip
def test_frame_numbers_are_read_from_numbers_and_text(cell, number):
    assert frame_number(cell) == number


def test_a_cell_is_spelt_one_way():
    assert text("  A\u0308da ") == "Äda"
    assert (text(7.0), text(None), text(0)) == ("7", "", "0")


@pytest.mark.parametrize(
    ("printed", "spelt"), [("1", "sub01"), ("01", "sub01"), ("Sub1", "sub01"), ("26", "sub26"),
    ("x", ""), ("", ""), ("/", "")],
)  # fmt: skip
def test_subjects_are_padded(printed, spelt):
    assert padded(2, "sub")(printed) == spelt


@pytest.mark.parametrize("above", [0, 1, 13])
def test_the_header_is_found_below_explanations(tmp_path, above):
    rows = [*([["words"], [None]] * 7)[:above], ["SUBJECT ", None, "onset frame"], [1, None, "7"]]
    path = workbook(tmp_path / "a.xlsx", {"s": rows})
    assert with_header(path, COLUMNS) == [(above + 2, {"subject": 1, "onset": "7"})]


def test_columns_are_found_by_name_in_any_order_and_optional_ones_too(tmp_path):
    rows = [["Onset", "Remarks", "Subject"], [3, "blinks", "x"], [None, None, None], [4]]
    path = workbook(tmp_path / "a.xlsx", {"s": rows})
    assert with_header(path, COLUMNS) == [
        (2, {"subject": "x", "onset": 3, "note": "blinks"}),
        (4, {"subject": None, "onset": 4, "note": None}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_like_xlsx(tmp_path, delimiter):
    path = tmp_path / "a.csv"
    lines = [["Subject", "Onset", "Remarks"], ["é", "5", '"two\nlines"'], ["", "", ""]]
    text_ = "".join(delimiter.join(line) + "\r\n" for line in lines)
    path.write_text(text_, encoding="utf-8-sig", newline="")
    assert with_header(path, COLUMNS) == [(2, {"subject": "é", "onset": "5", "note": "two\nlines"})]


def test_a_missing_column_is_named(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"s": [["words"], ["Subject", "OffsetFrame"], ["1", 3]]})
    with pytest.raises(DataError, match=r"a.xlsx: no header .* line 2, lacks OnsetFrame"):
        with_header(path, COLUMNS)


def test_a_header_too_far_down_is_not_found(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"s": [["words"]] * 60 + [["Subject", "Onset"]]})
    with pytest.raises(DataError, match="no header with Subject, OnsetFrame in its first 40"):
        with_header(path, COLUMNS)


def test_files_that_are_no_tables_are_named(tmp_path):
    (tmp_path / "broken.xlsx").write_bytes(b"PK no zip")
    (tmp_path / "latin.csv").write_bytes("Ä".encode("latin-1"))
    (tmp_path / "old.xls").touch()
    for name, message in (
        ("broken.xlsx", "cannot be read as .xlsx"),
        ("latin.csv", "cannot be read as UTF-8"),
        ("old.xls", "save it as .xlsx or .csv"),
        ("gone.xlsx", "cannot be read as .xlsx"),
    ):
        with pytest.raises(DataError, match=f"{name}: {message}"):
            read_rows(tmp_path / name)


def test_a_missing_sheet_is_named(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"HS": [["x"]]})
    assert read_rows(path, "HS") == [("x",)]
    with pytest.raises(DataError, match=r"has no sheet 'VIS', but \['HS'\]"):
        read_rows(path, "VIS")
    with pytest.raises(DataError, match=r"has no sheet 3"):
        read_rows(path, 2)
    (tmp_path / "a.csv").write_text("x\n")
    with pytest.raises(DataError, match="sheet 2 is needed too"):
        read_rows(tmp_path / "a.csv", 1)
