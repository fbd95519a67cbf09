"""A configuration file gets a longer list and keeps everything else, comments included."""

from __future__ import annotations

import pytest
import yaml

from microexpr.config import set_list
from microexpr.errors import ConfigError


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("data:\n  leave_out: []   # who\n  b: 1\n", "data:\n  leave_out: [s1]   # who\n  b: 1\n"),
        ("data:  # which\n    b: 1\n", "data:  # which\n    leave_out: [s1]\n    b: 1\n"),
        ("data:\n\n  # why\n  b: 1\n", "data:\n  leave_out: [s1]\n\n  # why\n  b: 1\n"),
        ("demo:\n  b: 1\n", "demo:\n  b: 1\ndata:\n  leave_out: [s1]\n"),
        (
            "demo:\n  leave_out: [a]\ndata:\n  b: 1\n",
            "demo:\n  leave_out: [a]\ndata:\n  leave_out: [s1]\n  b: 1\n",
        ),
    ],
)
def test_one_line_changes(tmp_path, before, after):
    path = tmp_path / "config.yaml"
    path.write_text(before)
    path.chmod(0o640)
    set_list(path, "data", "leave_out", ["s1"])
    assert path.read_text() == after
    assert path.stat().st_mode & 0o777 == 0o640


def test_names_that_yaml_would_misread_are_quoted(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("data:\n  b: 1\n")
    names = ["006", "no", "Zoë", "1e3"]
    set_list(path, "data", "leave_out", names)
    set_list(path, "data", "leave_out", [*names, "s1"])
    assert yaml.safe_load(path.read_text()) == {"data": {"leave_out": [*names, "s1"], "b": 1}}


@pytest.mark.parametrize("text", ["data: {b: 1}\n", "data:\n  leave_out:\n  - s2\n  - s3\n"])
def test_what_cannot_be_changed_in_one_line_is_left_as_it_is(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"write there by hand: data.leave_out: \[s1\]"):
        set_list(path, "data", "leave_out", ["s1"])
    assert path.read_text() == text
