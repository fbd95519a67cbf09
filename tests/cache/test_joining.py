"""Subjects and labels of a cache's clips come from the manifest, which lists the same clips."""

from __future__ import annotations

import pytest

import listed
from microexpr.cache.provenance import check_same_clips, clip_of
from microexpr.errors import CacheError


def test_a_clip_of_one_side_only_is_named():
    clips = listed.rows(["s1_a", "s2_b"], ["s1", "s2"], ["x", "y"])
    cached = {"s2_b": "faces/s2.h5", "s1_a": "faces/s1.h5"}
    check_same_clips(clips, cached)  # the order does not matter
    message = r"^clip s2_b: in the manifest, and in none of the caches given \(1\); give those of"
    with pytest.raises(CacheError, match=message):
        check_same_clips(clips, {"s1_a": "faces/s1.h5"})
    with pytest.raises(CacheError, match=r"^faces/s2\.h5: clip s2_b is not in the manifest; run"):
        check_same_clips(clips[:1], cached)
    with pytest.raises(CacheError, match="clip s1_a"):
        check_same_clips(clips, {})


def test_one_clip_is_looked_up_by_its_name(tmp_path):
    path = listed.write(tmp_path / "manifest.csv", ["s1_a", "s2_b"], ["s1", "s2"], ["x", "y"])
    assert clip_of(path, "s2_b").label == "y"
    with pytest.raises(CacheError, match=r"manifest\.csv: no clip s9; run snakemake again, or"):
        clip_of(path, "s9")
