"""What is quoted of other libraries' messages."""

from __future__ import annotations

import pytest

from microexpr.errors import MAX_QUOTED, brief


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
