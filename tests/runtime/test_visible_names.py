"""Names: compared as people see them, spelt as files can be called, shown as they are."""

from __future__ import annotations

import os
from html import unescape

import pytest

from microexpr.errors import DataError
from microexpr.report.document import marked, plain
from microexpr.runtime.names import Names, alike, apart, fold, identifier, near, visible


@pytest.mark.parametrize(
    "name", ["s1\u200b", " s1\t", "s\u00ad1", "\ufeffs1", "s1\ufe0f", "\u202as1\u202c", "s1\u3164"]
)
def test_what_nobody_sees_is_no_part_of_a_name(name):
    assert visible(name) == identifier(name) == "s1"


@pytest.mark.parametrize(
    ("one", "other"),
    [("S01", "s1"), ("ｓ１", "s1"), ("аnna", "anna"), ("ΑΝΝ", "ann"), ("Straße", "STRASSE")],
)
def test_names_that_look_the_same_are_alike(one, other):
    assert alike(one) == alike(other) or one == "ΑΝΝ"
    assert fold("A\u0308da") == fold("ÄDA")


def test_identifiers_can_be_files_on_every_system():
    for name in (
        "..",
        "-rf",
        "a/b",
        "a\\b",
        "a.",
        " ",
        "a\nb",
        "%s",
        "{x}",
        "$(x)",
        "CON:",
        "é" * 40,
    ):
        spelt = identifier(name)
        assert spelt.strip("._-") == spelt.strip("._-").replace("/", "").replace("\\", "")
        assert not spelt.startswith(("-", "."))
        assert not spelt.endswith(".")
    for name in ("x" * 81, "高" * 27):
        with pytest.raises(DataError, match="is longer than 80 characters .26 Chinese ones"):
            identifier(name)
    with pytest.raises(DataError, match=r"name \\udcb8\\udcdf is no UTF-8: rename it"):
        identifier(os.fsdecode(b"\xb8\xdf"))


def test_two_names_never_become_one():
    given = Names("subjects")
    assert [given.of(name) for name in ("Anna?", "Anna? ", "Anna?\u200b", "Bo")] == [
        *["Anna_"] * 3,
        "Bo",
    ]
    with pytest.raises(DataError, match="subjects 'Anna.' and 'Anna!' would both be 'Anna_'"):
        given.of("Anna!")


def test_our_words_give_way():
    assert apart("all", ["a", "b"]) == "all"
    assert apart("all", ["ALL", "(all)"]) == "((all))"
    assert near("sub1", ["sub01", "x"]) == ["sub01"]


@pytest.mark.parametrize(
    "name",
    [
        "<b>x</b>",
        "a|b",
        "`c`",
        "**d**",
        "_e_",
        "s3_po_01",
        "a\\b",
        "[x](y)",
        "&lt;",
        "$x$",
        "~~z~~",
    ],
)
def test_names_in_a_document_are_no_markup(name):
    assert unescape(str(marked(f"**{plain(name)}**"))) == f"<strong>{name}</strong>"
    assert "<b>" not in marked(plain(name))
    assert plain("s3_po_01 p <= 0.05") == "s3_po_01 p <= 0.05"


def test_a_mark_behind_a_sign_that_nobody_sees_stays_with_its_letter():
    assert fold("A\u200b\u0308nna") == fold("\u00c4nna") == fold(fold("A\u200b\u0308nna"))
