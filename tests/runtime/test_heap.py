"""Freed memory leaves the process where it adds up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from microexpr.runtime.resources import released

# In a process of its own: what other tests have freed would serve these blocks too.
PROGRAM = """
import json
from pathlib import Path
from microexpr.runtime.resources import released

after = []
for size in released([60_000, 20_000, 20_000]):
    kept = []
    # Blocks of 3 kB come from the heap; what stays in between keeps glibc from shrinking it.
    blocks = [bytes(3000) for _ in range(size)]
    kept.append(bytes(3000))
    del blocks
    after.append(4096 * int(Path("/proc/self/statm").read_text().split()[1]))
print(json.dumps(after))
"""


def test_what_an_item_took_is_gone_before_the_next():
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs Linux's /proc")
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True)
    after = json.loads(done.stdout)
    assert after[1] < after[0] - 60e6


def test_items_come_in_their_order():
    assert list(released("abc")) == ["a", "b", "c"]
    assert list(released([])) == []
