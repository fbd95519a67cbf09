"""Kept results are found again under all that they follow from, and under nothing else."""

from __future__ import annotations

import pytest

from microexpr.errors import CacheError
from microexpr.runtime import resume
from microexpr.runtime.files import write_json


def test_a_result_is_found_under_the_same_settings_in_any_order(tmp_path):
    about = {"n": 7, "train": {"lr": 0.1, "seeds": [0, 1]}}
    file = resume.place(tmp_path, about)
    assert not file.exists()
    write_json(file, {"right": [1, None]})
    again = resume.place(tmp_path, {"train": {"seeds": [0, 1], "lr": 0.1}, "n": 7})
    assert resume.read(again) == {"right": [1, None]}
    assert again.stem == resume.digest(about)[:32]


@pytest.mark.parametrize(
    "other",
    [
        {"n": 8, "train": {"lr": 0.1}},
        {"n": 7, "train": {"lr": 0.2}},
        {"n": 7, "train": {"lr": 0.1}, "code": ""},
    ],
)
def test_other_settings_are_another_result(tmp_path, other):
    assert resume.place(tmp_path, other) != resume.place(tmp_path, {"n": 7, "train": {"lr": 0.1}})


@pytest.mark.parametrize("content", ["", "{", "[1"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(CacheError, match=r"a\.json: damaged, delete it and run again"):
        resume.read(tmp_path / "a.json")
