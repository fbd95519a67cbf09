"""Stage decode: the annotated range of a recording, with the apex where it lies in the clip."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from microexpr import manifest
from microexpr.cache import open_cache
from microexpr.config import Config
from microexpr.stages import decode


def decoded(tmp_path, counters, **frames):
    """Decode frames 10-14 of a folder and give the clip's numbers and attributes."""
    (tmp_path / "a").mkdir()
    for counter in counters:
        cv2.imwrite(str(tmp_path / f"a/img{counter}.png"), np.full((8, 8, 3), counter, np.uint8))
    inside = [counter for counter in counters if 10 <= counter <= 14]
    clip = manifest.Clip(
        clip_id="c", subject="s", label="negative", kind="images", source="a", fps=200.0,
        frames=len(inside), first=inside[0], last=inside[-1], **frames,
    )  # fmt: skip
    manifest.write(tmp_path / "manifest.csv", [clip])
    config = Config.parse({"data": {"kind": "casme2", "root": str(tmp_path)}})
    decode.run(config, tmp_path / "manifest.csv", ["s"], tmp_path / "s.h5")
    with open_cache(tmp_path / "s.h5", "frames") as cache:
        return cache["c"]["frame"][:].tolist(), dict(cache["c"].attributes)


@pytest.mark.parametrize(
    ("counters", "apex", "index"),
    [
        (range(5, 30), 10, 0),
        (range(5, 30), 12, 2),
        (range(5, 30), 14, 4),
        ([8, 10, 11, 13, 14, 20], 12, 2),  # the camera dropped the apex: the next frame
        ([10, 11, 12], 14, 2),
    ],
)
def test_the_apex_is_an_index_into_the_clip(tmp_path, counters, apex, index):
    numbers, attributes = decoded(tmp_path, counters, onset=10, apex=apex, offset=14)
    assert numbers == [counter for counter in counters if 10 <= counter <= 14]
    assert attributes["apex"] == index
    assert attributes["fps"] == 200


def test_without_an_apex_there_is_no_attribute(tmp_path):
    _, attributes = decoded(tmp_path, range(5, 30), onset=10, offset=14)
    assert "apex" not in attributes
