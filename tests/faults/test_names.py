"""Subjects, labels and files with names that people really give."""

from __future__ import annotations

import json
import os

import cv2
import numpy as np
import pytest
from clips import features_cache

from microexpr.cache import open_cache
from microexpr.datasets import manifest
from microexpr.runtime.tables import seal

SECTION = "Names"


def table_of(root, *rows, suffix="clips.csv"):
    """Write a table; give the arguments that index it."""
    path = root / suffix
    path.write_text("path,subject,label\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    table = {"kind": "video", "root": str(root), "table": str(path), "fps": 100}
    settings = json.dumps({"data": table, "windows": {"n": [2]}})
    return ["stage", "index", "--manifest", root / "m.csv", "--config", settings]


def clip_folder(root, name):
    folder = root / name
    folder.mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(folder / f"i{number}.png"), np.full((40, 40, 3), number * 9, np.uint8))


SAME = ["s1 ", "s1\u200b", "\u00a0s1", "s1.", "\ufeffs1", "s\u20601"]


@pytest.mark.parametrize("other", ["S1", "s01", "ｓ1", "ѕ1", *SAME])
def test_one_subject_in_two_spellings(tmp_path, fails, command, other):
    clip_folder(tmp_path, "a")
    clip_folder(tmp_path, "b")
    arguments = table_of(tmp_path, "a,s1,negative", f"b,{other},positive")
    if other == "s1.":  # may be two persons, and would be one file
        says = "subjects 's1' and 's1.' would both be 's1': rename one"
        fails(SECTION, "", *arguments, says=says, row=False)
    elif other in SAME:
        assert command(*arguments)[0] == 0
        assert {clip.subject for clip in manifest.read(tmp_path / "m.csv")} == {"s1"}
    else:
        says = "subject '.*' is spelt '.*' in clip .*; use one name per person"
        fault = "a subject in two spellings (it would be in training and test)"
        fails(SECTION, fault, *arguments, says=says, row=other == "S1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna?", "Anna!"),
        ("Anna B", "Anna_B"),
        ("-1", "_1"),
        ("😀", "😎"),
        (".a", "a"),
        ("a²", "a³"),
    ],
)
def test_two_subjects_with_one_identifier(tmp_path, fails, one, other):
    clip_folder(tmp_path, "a")
    clip_folder(tmp_path, "b")
    arguments = table_of(tmp_path, f"a,{one},negative", f"b,{other},positive")
    says = "subjects .* and .* would both be .*: rename one, or both to the same"
    fault = "two subjects whose names differ in signs that no file name can have"
    said = fails(SECTION, fault, *arguments, says=says, row=one == "Anna?")
    assert repr(one) in said
    assert repr(other) in said


def test_names_whose_bytes_are_no_text(tmp_path, command, fault_row):
    """As unpacking a Chinese zip gives: GBK where UTF-8 is expected."""
    root, gbk = tmp_path / "own", os.fsdecode("高兴".encode("gbk"))
    clip_folder(root, "negative/s1_a")
    clip_folder(root, "positive/s2_b")
    (root / "positive/s2_b").rename(root / f"positive/s2_{gbk}")
    (root / "negative").rename(root / gbk)
    data = {"kind": "folder", "root": str(root), "fps": 100}
    settings = ("--config", json.dumps({"data": data, "windows": {"n": [2]}}))
    code, lines = command("stage", "index", "--manifest", tmp_path / "m.csv", *settings)
    assert code == 2
    own = [line.partition(": ")[2] for line in lines if line.startswith("microexpr")]
    name = r"s2_\udcb8\udcdf\udcd0\udccb"
    assert own[0].startswith(f"positive/{name}: name {name} is no UTF-8: rename it")
    assert r"clip s1_a: folder \udcb8\udcdf\udcd0\udccb: emotion '\udcb8" in own[1]
    assert not any("Traceback" in line for line in lines)
    fault_row(SECTION, "names of files in another encoding than UTF-8", own[0], code)


def test_images_whose_names_are_no_text(tmp_path, fails):
    """OpenCV would end the process without a word."""
    clip_folder(tmp_path, "a")
    for path in sorted((tmp_path / "a").iterdir()):
        path.rename(path.with_name(os.fsdecode(b"\xb8\xdf") + path.name))
    arguments = table_of(tmp_path, "a,s1,negative")
    fault = "images in a folder whose names are in another encoding than UTF-8"
    fails(SECTION, fault, *arguments, says="clip s1_a: name .*i0.png is no UTF-8: rename it")


def test_an_umlaut_in_its_two_unicode_forms_is_one_subject(tmp_path, command):
    clip_folder(tmp_path, "a")
    clip_folder(tmp_path, "b")
    assert command(*table_of(tmp_path, "a,\u00c4da,negative", "b,A\u0308da,positive"))[0] == 0
    assert {clip.subject for clip in manifest.read(tmp_path / "m.csv")} == {"\u00c4da"}


def test_an_unknown_label(tmp_path, command, fault_row):
    clip_folder(tmp_path, "a")
    clip_folder(tmp_path, "b")
    code, lines = command(*table_of(tmp_path, "a,s1,negative", "b,s2,angry"))
    assert code == 2
    assert "emotion 'angry' is in none of data.labels, label_map, drop_labels" in lines[-2]
    assert not (tmp_path / "m.csv").exists()
    assert "angry" in (tmp_path / "manifest_report.csv").read_text()
    fault_row(SECTION, "an unknown label", lines[-2].partition(": ")[2], code)


@pytest.mark.parametrize(
    "name",
    [
        *("Äpfel & Birnen", "王小明 1", "a'b\"c", "two  blanks", "-option", "$(touch x)", "ﬁ²"),
        *(
            "{x}",
            "{wildcards.x}",
            "a\nb",
            "%s%n",
            "a..b",
            "tail.",
            "#1",
            "~",
            "*",
            "a\\b",
            "é" * 20,
        ),
    ],
)
def test_any_name_becomes_a_file_name_and_is_decoded(tmp_path, command, name):
    clip_folder(tmp_path, name)
    subject = f"{name[:9]}".replace('"', '""')
    row = f'"{name.replace(chr(34), chr(34) * 2)}","{subject}",negative'
    arguments = table_of(tmp_path, row)
    assert command(*arguments)[0] == 0
    (clip,) = manifest.read(tmp_path / "m.csv")
    files = ("--manifest", tmp_path / "m.csv", "--frames", tmp_path / "x.h5", "--root", tmp_path)
    code, lines = command("stage", "decode", *files, "--subjects", clip.subject, "--config", "{}")
    assert code == 0, lines
    with open_cache(tmp_path / "x.h5") as cache:
        assert len(cache[clip.clip_id]) == 3
    assert not (tmp_path / "x").exists()


def test_names_that_point_elsewhere(tmp_path, command, fault_row):
    """A name never becomes a path: what is written stays below results/."""
    clip_folder(tmp_path, "a")
    for subject in ("..", "../../up", "/etc/passwd", "."):
        assert command(*table_of(tmp_path, f"a,{subject},negative"))[0] == 0
        (clip,) = manifest.read(tmp_path / "m.csv")
        for name in (clip.subject, clip.clip_id):
            assert "/" not in name and not name.startswith(".")
    fault_row(SECTION, "`..`, `/` and the like in a name", "none: written as `_`", 0)


def test_a_name_in_leave_out_that_nobody_has(tmp_path, command, fault_row, caplog):
    clip_folder(tmp_path, "a")
    arguments = table_of(tmp_path, "a,sub01,negative")
    settings = json.loads(arguments[-1])
    settings["data"]["leave_out"] = ["Sub1"]
    arguments[-1] = json.dumps(settings)
    with caplog.at_level("WARNING"):
        assert command(*arguments)[0] == 0
    message = "data.leave_out: no subject and no clip is called 'Sub1'; there is sub01"
    assert message in caplog.text
    assert message in (tmp_path / "manifest_report.csv").read_text()
    fault_row(SECTION, "a name in data.leave_out that does not exist", message, 0)


def test_a_name_that_no_file_can_have(tmp_path, fails):
    clip_folder(tmp_path, "a")
    arguments = table_of(tmp_path, f"a,{'x' * 300},negative")
    fails(SECTION, "a name of 300 letters", *arguments, says="is longer than 80 characters")


def test_two_clips_with_one_name(tmp_path, fails):
    clip_folder(tmp_path, "x/a b")
    clip_folder(tmp_path, "y/a_b")
    arguments = table_of(tmp_path, "x/a b,s1,negative", "y/a_b,s1,negative")
    fails(
        SECTION, "two clips with one name", *arguments, says="clip s1_a_b: 2 clips have this name"
    )


@pytest.mark.parametrize(
    ("fault", "content", "says"),
    [
        ("a table that is not text", b"\x89PNG\r\n\x1a\n\0\xff", "is no UTF-8, UTF-16 or GB18030"),
        ("a cell of 200,000 letters", b"path,subject,label\n" + b"x" * 200_000, "cannot be read"),
        ("a table without a column", b"path,label\na,negative\n", "lacks subject"),
        (
            "a number with a comma in a table whose cells are parted by commas",
            b"path,subject,label,fps\na,s1,negative,29,97\n",
            "line 2: cell '97' stands under no header",
        ),
        (
            "a table in a western encoding other than UTF-8",
            "path,subject,label\na,Jürgen,negative\n".encode("latin-1"),
            "is no UTF-8, UTF-16 or GB18030 text; save it as CSV UTF-8",
        ),
        (
            "an old .xls table, or one with a password",
            b"\xd0\xcf\x11\xe0",
            "save it again as .xlsx",
        ),
        (
            "a quote that is never closed",
            b'path,subject,label\na,"s1,x\n',
            "line 2: cannot be read",
        ),
    ],
)
def test_tables_that_are_no_tables(tmp_path, fails, fault, content, says):
    arguments = table_of(tmp_path)
    (tmp_path / "clips.csv").write_bytes(content)
    fails(SECTION, fault, *arguments, says=says)


def test_a_frame_rate_that_is_no_number(tmp_path, fails):
    clip_folder(tmp_path, "a")
    arguments = table_of(tmp_path)
    (tmp_path / "clips.csv").write_text("path,subject,label,fps\na,s1,negative,nan\n")
    fails(SECTION, "a frame rate of NaN", *arguments, says="line 2: fps 'nan' is not a positive")


def test_a_manifest_with_nan(tmp_path, fails):
    clip_folder(tmp_path, "a")
    header = ",".join(manifest.Clip.model_fields)
    row = "c,s1,negative,images,a,3,0,2,nan,,,"
    (tmp_path / "m.csv").write_text(f"{header}\n{row}\n")
    seal(tmp_path / "m.csv")
    arguments = (
        *("stage", "decode", "--manifest", tmp_path / "m.csv", "--frames", tmp_path / "x.h5"),
        *("--root", tmp_path, "--subjects", "s1", "--config", "{}"),
    )
    fails(SECTION, "NaN in the manifest", *arguments, says="line 2: column fps must be finite")


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("a label edited in the manifest", "file was changed after it was written; delete it and"),
        ("a table without its seal", r"file has no seal .m\.csv\.sha256.; delete it and"),
    ],
)
def test_tables_that_are_not_what_was_written(tmp_path, fails, fault, says):
    manifest.write(tmp_path / "m.csv", [clip("c", "negative")])
    if "seal" in fault:
        (tmp_path / "m.csv.sha256").unlink()
    else:
        text = (tmp_path / "m.csv").read_text()
        (tmp_path / "m.csv").write_text(text.replace("negative", "positive"))
    files = ("--manifest", tmp_path / "m.csv", "--folds", tmp_path / "f.csv")
    arguments = ("stage", "split", *files, "--config", "{}")
    fails("Tables", fault, *arguments, says=says)


def clip(clip_id, label):
    return manifest.Clip(
        clip_id=clip_id, subject="s1", label=label, kind="images", source="a",
        frames=3, first=0, last=2, fps=100.0,
    )  # fmt: skip


def test_predictions_with_nan(tmp_path, fails):
    columns = "clip_id,subject,label,method,feature_mode,n,seed,protocol,fold,n_windows,predicted"
    shares = "p_negative,p_positive,p_surprise"
    row = "c,s1,negative,none,raw,7,0,loso,s1,3,negative,nan,0,0"
    (tmp_path / "p.csv").write_text(f"{columns},{shares}\n{row}\n")
    seal(tmp_path / "p.csv")
    manifest.write(tmp_path / "m.csv", [clip("c", "negative")])
    features = features_cache(tmp_path / "f.h5")
    files = ("--manifest", tmp_path / "m.csv", "--features", features, "--folder", tmp_path)
    fails(
        *(SECTION, "NaN in predictions"),
        *("stage", "evaluate", "--predictions", tmp_path / "p.csv", *files, "--config", "{}"),
        says="p.csv: clip c: a probability is not in 0..1",
    )
