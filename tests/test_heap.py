"""Freed memory leaves the process where it adds up."""

from __future__ import annotations

from pathlib import Path

import pytest

from microexpr.heap import released


def resident_bytes() -> int:
    pages = Path("/proc/self/statm")
    if not pages.exists():
        pytest.skip("needs Linux's /proc")
    return 4096 * int(pages.read_text().split()[1])


def test_what_an_item_took_is_gone_before_the_next():
    after = []
    for size in released([60_000, 20_000, 20_000]):
        kept = []
        # Blocks of 3 kB come from the heap; what stays in between keeps glibc from shrinking it.
        blocks = [bytes(3000) for _ in range(size)]
        kept.append(bytes(3000))
        del blocks
        after.append(resident_bytes())
    assert after[1] < after[0] - 60e6


def test_items_come_in_their_order():
    assert list(released("abc")) == ["a", "b", "c"]
    assert list(released([])) == []
