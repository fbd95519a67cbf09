"""Any bytes are read or refused: configuration, tables, weights, caches, images, times.

In the suite about a hundred examples each, always the same. For more: ``FUZZ_EXAMPLES=20000 pytest
tests/fuzz``; guided by coverage: ``python tests/fuzz/run.py TARGET``.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS, seeds, survives

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
WORDS = (b"null", b"-1", b".nan", b"1e999", b"\x00", b"\xff" * 8, b"../", b"[" * 50, b"&a *a", b'"')


@st.composite
def changed(draw: st.DrawFn, name: str) -> bytes:
    """Draw accepted bytes, cut and overwritten in some places."""
    content = bytearray(draw(st.sampled_from(seeds(name))))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content)))
        piece = draw(st.one_of(st.sampled_from(WORDS), st.binary(min_size=1, max_size=4)))
        gone = draw(st.sampled_from([0, len(piece), len(piece), len(content)]))
        content[place : place + gone] = piece
    return bytes(content)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_accepted(name):
    for content in seeds(name):
        assert survives(name, content)


@pytest.mark.parametrize("name", TARGETS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES == 100,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_what_is_wrong_is_refused(name, data):
    survives(name, data.draw(st.one_of(changed(name), changed(name), st.binary(max_size=200))))


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_the_coverage_guided_harness_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("run.py"), "inline", tmp_path, "-runs=200"],
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Done 200 runs" in done.stderr
