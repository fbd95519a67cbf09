"""What is quoted of other libraries' messages."""

from __future__ import annotations

import pytest

from microexpr.errors import (
    MAX_QUOTED,
    CacheError,
    CollectedError,
    DataError,
    Faults,
    about_clip,
    brief,
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError(""), "ValueError"),
        (ValueError("x" * 10_000), "x" * MAX_QUOTED + "..."),
    ],
)
def test_a_message_is_one_short_line(error, said):
    assert brief(error) == said


def test_what_is_wrong_with_clips_is_collected():
    faults = Faults()
    faults.stop()  # nothing is wrong yet
    with faults.noted("a"), about_clip("a"):
        raise DataError("frame 3 is grey")
    with faults.noted("b"):
        raise CollectedError(["clip b: one", "clip b: two"])
    faults.add("clip c: three")
    with pytest.raises(DataError) as caught:
        faults.stop()
    remedy = "to leave the clip out: data.leave_out:"
    assert caught.value.messages == (
        f"clip a: frame 3 is grey; {remedy} [a]",
        f"clip b: one; {remedy} [b]",
        f"clip b: two; {remedy} [b]",
        "clip c: three",
    )
    assert str(caught.value).splitlines() == list(caught.value.messages)


def test_what_is_no_fault_of_a_clip_is_not_collected():
    faults = Faults()
    with pytest.raises(CacheError), faults.noted("a"):
        raise CacheError("damaged")
    faults.stop()


def test_an_error_of_the_system_names_clip_and_file(tmp_path):
    with pytest.raises(DataError, match="^clip a: .*gone: No such file"), about_clip("a"):
        (tmp_path / "gone").read_bytes()
