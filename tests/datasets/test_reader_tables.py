"""Annotation tables: headers wherever they stand, cells however stored, wrong files named."""

from __future__ import annotations

import os
import re
import resource
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from microexpr.datasets.sheets import (
    frame_number,
    frame_rate,
    padded,
    read_rows,
    sheet_names,
    text,
    with_header,
)
from microexpr.errors import DataError
from release_trees import workbook

CASES = Path(__file__).parents[3] / "shared/cases/tables"

COLUMNS = {"subject": ("Subject",), "onset": ("OnsetFrame", "Onset"), "note?": ("Remarks",)}


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (46, 46), (46.0, 46), ("46", 46), (" 046 ", 46), ("46\xa0", 46),
        ("/", None), ("?", None), (None, None), ("", None), (-3, None), (4.5, None), ("4a", None),
        ("٤", None), (True, None), ("46.0", 46), ("46,0", 46), ("4.5", None), ("1,234", None),
    ],
)  # fmt: skip
def test_frame_numbers_are_read_from_numbers_and_text(cell, number):
    assert frame_number(cell) == number


def test_a_cell_is_spelt_one_way():
    assert text("  A\u0308da ") == "Äda"
    assert (text(7.0), text(None), text(0), text("1.0"), text("01")) == ("7", "", "0", "1", "01")
    assert text("\u3000s\u200b1\xa0 x\n") == "s1 x"


@pytest.mark.parametrize(
    ("cell", "fps"), [(30, 30), ("29.97", 29.97), ("29,97", 29.97), ("200,0", 200), ("", None)]
)
def test_frame_rates_are_read_with_point_or_comma(cell, fps):
    assert frame_rate(cell) == fps


@pytest.mark.parametrize("cell", ["1,000", "1.000,5", "x", "nan", "inf", "-3", "1_0", "0", "9e9"])
def test_a_frame_rate_that_may_be_another_is_refused(cell):
    with pytest.raises(DataError, match=f"fps {cell!r} is not a positive number"):
        frame_rate(cell)


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


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 no zip", "cannot be read as .xlsx .*; save it again as .xlsx, or as CSV"),
        (b"\xd0\xcf\x11\xe0 or locked", "is an old .xls file, or locked by a password; save it"),
        (b" <html><table>", "is a web page or XML"),
        ("Ärger".encode("latin-1"), "is no UTF-8, UTF-16 or GB18030 text; save it as CSV UTF-8"),
        ("créée".encode("latin-1"), "is no UTF-8"),
        ("Анна".encode("cp1251"), "is no UTF-8"),
        ("よろこび".encode("shift-jis"), "is no UTF-8"),
        (b'a,"b\nc,d\n', "line 1: cannot be read as a table"),
        (b"x," + b"y" * 200_000, "line 1: cannot be read as a table"),
        (b"x\n" * 200_000, "holds more than 100000 rows"),
        (b"x" * 2**25, "holds more than 16 MB"),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.xlsx", "t.xls"])
def test_files_that_are_no_tables_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: {message}") as caught:
        read_rows(tmp_path / name)
    assert len(str(caught.value)) < 400


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name, message in (
        ("gone.xlsx", "does not exist"),
        ("pipe.csv", "is a pipe"),
        ("folder.csv", "is a folder"),
    ):
        with pytest.raises(DataError, match=f"{name} {message}"):
            read_rows(tmp_path / name)


OWN = {"path": ("path",), "subject": ("subject",), "fps?": ("fps",), "clip_id?": ("clip_id",)}


def written(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return with_header(path, OWN, None)


@pytest.mark.parametrize(
    "encoding",
    ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk"],
)
def test_a_text_in_any_common_encoding(tmp_path, encoding):
    content = "path;subject;note\r\n张三.mp4;张三;高兴, 1,5\r\n"
    assert written(tmp_path / "t.csv", content, encoding) == [
        (2, {"path": "张三.mp4", "subject": "张三"})
    ]


def test_what_excel_makes_of_a_text(tmp_path):
    content = (
        'sep=;\r\n\r\nSubject ;PATH;Fps ;;\r\n="01";"a\n b.mp4";29,97;;\r\n;;;;\r\n'
        "1.0;c;;;\r\n\u200b\r\n\xa0;;;;\r\n2;d;30.0\r\n"
    )
    found = written(tmp_path / "t.csv", content)
    assert found == [
        (4, {"path": "a\n b.mp4", "subject": "01", "fps": "29,97"}),
        (7, {"path": "c", "subject": "1.0", "fps": ""}),
        (10, {"path": "d", "subject": "2", "fps": "30.0"}),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,subject,fps\n\na,s,29,97\n", "line 3: cell '97' stands under no header"),
        ("path,subject,fps,,\na,s,29,97,\n", "line 2: cell '97' stands under no header"),
        ("path,fps,subject\na,29,97,s\n", "line 2: cell 's' stands under no header"),
        ("path,subject,fps,clip_id\na,s,29,97,\n", "line 2: 29,97 may be one number"),
        ("path\tsubject\na\ts\tx\n", "line 2: cell 'x' stands under no header"),
    ],
)
def test_no_cell_of_a_text_is_dropped_or_shifted(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        written(tmp_path / "t.csv", content)


def test_a_column_that_stands_twice_is_one_if_it_says_the_same(tmp_path):
    header = "path,subject,fps,#,Subject ,\n"
    found = written(tmp_path / "t.csv", f"{header}a,1,30,x,1.0,\nb,t,,y,t\nc,u,9\n")
    assert [cells["subject"] for _, cells in found] == ["1", "t", "u"]
    with pytest.raises(DataError, match="line 3: column subject stands twice, with 't' and 'u'"):
        written(tmp_path / "t.csv", f"{header}a,s,30,x,s\nb,t,,y,u\n")


def test_a_comma_at_the_end_of_each_row_is_no_cell(tmp_path):
    for header, rows in (("path,subject,fps", "a,s,30,"), ("path,subject,fps,,", "a,7,30,,")):
        found = written(tmp_path / "t.csv", f"{header}\n{rows}\nb,t,,\n")
        assert [cells["fps"] for _, cells in found] == ["30", ""]


def test_the_cases_that_were_wrong():
    if not CASES.is_dir():
        pytest.skip("the cases are not here")
    own = {name: (name,) for name in ("path", "subject", "label")}
    rows = {n: with_header(CASES / f"{n}.csv", {**own, "fps?": ("fps",), "onset?": ("onset",)})
            for n in ("semicolon", "blank_lines", "float_frames")}  # fmt: skip
    assert frame_rate(rows["semicolon"][0][1]["fps"]) == 29.97
    assert [line for line, _ in rows["blank_lines"]] == [3, 5]
    assert frame_number(rows["float_frames"][0][1]["onset"]) == 5
    with pytest.raises(DataError, match="line 2: cell '97'"):
        with_header(CASES / "decimalcomma.csv", own)
    assert len(with_header(CASES / "empty-fill.xlsx", COLUMNS)) == 3


def rewritten(path, part, change):
    """Change one part of a .xlsx file, or add it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts.get(part, b""))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


SHEET, BOOK, STYLES = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (STYLES, lambda xml: re.sub(rb"<fill>.*?</fill>", b"<fill/>", xml)),
        (STYLES, lambda xml: b"<no xml"),
        ("docProps/core.xml", lambda xml: xml.replace(b"T", b"?")),
        (SHEET, lambda xml: xml.replace(b"schemas.openxmlformats.org/spreadsheetml/2006/main",
                                        b"purl.oclc.org/ooxml/spreadsheetml/main")),
        (SHEET, lambda xml: re.sub(rb' r="[A-Z]*\d+"', b"", xml)),
        (SHEET, lambda xml: re.sub(rb"<dimension[^>]*>", b'<dimension ref="A1:A1"/>', xml)),
    ],
)  # fmt: skip
def test_what_other_programs_write_into_a_workbook(tmp_path, part, change):
    rows = [["Subject", "Onset"], ["é", 5], ["x", 6.0]]
    path = rewritten(workbook(tmp_path / "a.xlsx", {"s": rows}), part, change)
    assert with_header(path, COLUMNS) == [
        (2, {"subject": "é", "onset": 5}),
        (3, {"subject": "x", "onset": 6}),
    ]


def test_sheets_that_are_hidden_or_several(tmp_path):
    table, notes = [["Subject", "Onset"], ["x", 5]], [["words"]]
    path = workbook(tmp_path / "a.xlsx", {"old": [["Subject", "Onset"], ["y", 9]], "s": table})
    with pytest.raises(DataError, match="sheets 'old' and 's' both hold such a table"):
        with_header(path, COLUMNS, None)
    rewritten(path, BOOK, lambda xml: xml.replace(b'state="visible"', b'state="hidden"', 1))
    assert sheet_names(path) == ["s"]
    for sheet in (0, None, "s"):
        assert with_header(path, COLUMNS, sheet) == [(2, {"subject": "x", "onset": 5})]
    path = workbook(tmp_path / "b.xlsx", {"notes": notes, "s": table})
    assert with_header(path, COLUMNS, None) == [(2, {"subject": "x", "onset": 5})]


def test_texts_of_a_workbook_in_all_their_forms(tmp_path):
    cells = (
        b'<row r="3"><c r="B3" t="inlineStr"><is><r><t>a</t></r><r><t xml:space="preserve"> b</t>'
        b'</r><rPh sb="0" eb="1"><t>spoken</t></rPh></is></c><c t="b"><v>1</v></c>'
        b'<c t="e"><v>#N/A</v></c><c><v>1.5E1</v></c><c><f>1+1</f></c><c/></row>'
    )
    path = workbook(tmp_path / "a.xlsx", {"s": [["x"]]})
    rewritten(path, SHEET, lambda xml: xml.replace(b"</sheetData>", cells + b"</sheetData>"))
    assert read_rows(path) == [("x", *[None] * 4), (None, "a b", "TRUE", "#N/A", 15.0)]


BOMBS = {
    "row": b'<row r="2000000000"><c r="A2000000000"><v>1</v></c></row>',
    "column": b'<row r="3"><c r="ZZZZZZ3"><v>1</v></c></row>',
    "rows": b"<row><c><v>1</v></c></row>" * 200_000,
    "bytes": b"<row/>" * 4_000_000,
    "text": b'<row r="3"><c t="s"><v>1000000000</v></c></row>',
    "wide rows": b'<row><c r="IV1"><v>1</v></c></row>' * 90_000,
    "entities": b"<row><c><v>&a;</v></c></row>",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_cannot_take_much_memory(tmp_path, kind):
    path = workbook(tmp_path / "a.xlsx", {"s": [["Subject", "Onset"], ["x", 5]]})
    rewritten(path, SHEET, lambda xml: xml.replace(b"</sheetData>", BOMBS[kind] + b"</sheetData>"))
    assert path.stat().st_size < 10**6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if kind == "row":  # a row far down is a row
        rows = with_header(path, COLUMNS)
        assert [line for line, _ in rows] == [2, 2_000_000_000]
    else:
        with pytest.raises(DataError, match=r"a.xlsx: .*; save it again as .xlsx, or as CSV"):
            with_header(path, COLUMNS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KB


@pytest.mark.parametrize("kind", ["sheets", "a long text"])
def test_what_stands_once_in_a_file_and_often_in_a_table(tmp_path, kind):
    path = workbook(tmp_path / "a.xlsx", {"s": [["Subject", "Onset"], ["x", 5]]})
    long = b"<sst><si><t>" + b"x" * 20_000 + b"</t></si></sst>"
    rewritten(path, "xl/sharedStrings.xml", lambda xml: long)
    link = b'<Relationship Id="t" Type="sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    links = "xl/_rels/workbook.xml.rels"
    rewritten(path, links, lambda xml: xml.replace(b"</Relationships>", link))
    again = b'<row><c t="s"><v>0</v></c></row>' * (1_000 if kind == "a long text" else 100)
    rewritten(path, SHEET, lambda xml: xml.replace(b"</sheetData>", again + b"</sheetData>"))
    if kind == "sheets":
        (sheet,) = re.findall(rb"<sheet [^>]*/>", zipfile.ZipFile(path).read(BOOK))
        sheets = (sheet.replace(b'"s"', b'"s%d"' % k) for k in range(1_000))
        rewritten(path, BOOK, lambda xml: xml.replace(sheet, b"".join(sheets)))
    with pytest.raises(DataError, match="a.xlsx: holds more than 100000 rows or 16 MB; save it"):
        with_header(path, COLUMNS)


def test_a_million_empty_rows_are_no_rows(tmp_path):
    book = Workbook()
    for row in (["Subject", "Onset"], ["x", 5]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    empty = b"".join(b'<row r="%d"/>' % k for k in range(3, 500_000))
    path = rewritten(
        tmp_path / "a.xlsx",
        SHEET,
        lambda xml: xml.replace(b"</sheetData>", empty + b"</sheetData>"),
    )
    assert with_header(path, COLUMNS) == [(2, {"subject": "x", "onset": 5})]


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
