"""Partial results are found again under all that they follow from, and under nothing else."""

from __future__ import annotations

import json

import pytest

from microexpr.errors import CacheError
from microexpr.runtime import resume

ABOUT = {"n": 7, "train": {"lr": 0.1, "seeds": [0, 1]}}


def test_a_result_is_found_under_the_same_settings_in_any_order(tmp_path):
    assert resume.read(tmp_path, ABOUT) is None
    kept = resume.keep(tmp_path, ABOUT, {"right": [1, None], "share": 0.1 + 0.2})
    again = {"train": {"seeds": [0, 1], "lr": 0.1}, "n": 7}
    assert resume.read(tmp_path, again) == kept == {"right": [1, None], "share": 0.1 + 0.2}
    assert resume.place(tmp_path, again).stem == resume.digest(ABOUT)[:32]


@pytest.mark.parametrize(
    "other",
    [
        {"n": 8, "train": {"lr": 0.1}},
        {"n": 7, "train": {"lr": 0.2}},
        {"n": 7, "train": {"lr": 0.1}, "code": ""},
    ],
)
def test_other_settings_are_another_result(tmp_path, other):
    resume.keep(tmp_path, {"n": 7, "train": {"lr": 0.1}}, 1)
    assert resume.read(tmp_path, other) is None


@pytest.mark.parametrize("content", ["", "{", "[1"])
def test_a_damaged_file_is_named(tmp_path, content):
    file = resume.place(tmp_path, ABOUT)
    file.write_text(content)
    with pytest.raises(CacheError, match=f"{file.name}: damaged, delete it and run again"):
        resume.read(tmp_path, ABOUT)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"made": {"digest": "a"}, "clip": 1}, True),
        ({"made": {"digest": "b"}, "clip": 1}, False),
        ({"clip": 1}, False),
        ([1], False),
    ],
)
def test_a_finished_document_names_what_it_is_made_of(tmp_path, content, found):
    file = tmp_path / "clip.json"
    assert resume.finished(file, "a") is None
    file.write_text(json.dumps(content))
    assert resume.finished(file, "a") == (content if found else None)
    file.write_text("{")
    assert resume.finished(file, "a") is None
