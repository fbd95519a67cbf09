"""The apex: what is known wins, what is estimated lies where the motion is largest."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from planted_faces import planted

from microexpr.baselines.base import annotated
from microexpr.baselines.flow import apex_of
from microexpr.cache import Provenance, create, open_cache
from microexpr.config import Data
from microexpr.errors import DataError


def faces(path, **attributes):
    with create(path, "faces", Provenance()) as out, out.clip("s1_ne_01", **attributes) as clip:
        clip.append(np.zeros((6, 8, 8, 3), np.uint8), frame=np.arange(6), time=np.arange(6) / 100)
    return path


def look_up(path, data: Data) -> int | None:
    with open_cache(path, "faces") as cache:
        return annotated(data, cache["s1_ne_01"])


def test_the_estimate_lies_at_the_middle_of_a_symmetric_motion():
    for clip in planted(2, 1).clips:
        found = apex_of(clip)
        assert not found.known
        assert abs(found.frame - (len(clip.images) - 1) / 2) <= 3


def test_a_shift_of_the_head_is_not_taken_for_the_apex():
    clip = planted(1, 1).clips[0]
    images = clip.images.copy()
    images[-1] = np.roll(images[0], 2, axis=1)
    found = apex_of(replace(clip, images=images)).frame
    assert abs(found - (len(images) - 1) / 2) <= 3


def test_a_known_apex_is_not_estimated():
    clip = replace(planted(1, 1).clips[0], apex=2)
    assert apex_of(clip) == (2, True)


def test_truth_of_the_generated_set_serves_and_an_annotation_wins(tmp_path):
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "s1_ne_01.json").write_text(json.dumps({"apex": 4}))
    demo = Data(kind="demo", root=str(tmp_path))
    plain, marked = faces(tmp_path / "a.h5"), faces(tmp_path / "b.h5", apex=3)
    assert look_up(plain, demo) == 4
    assert look_up(marked, demo) == 3
    assert look_up(plain, Data(kind="smic", root=str(tmp_path))) is None
    assert look_up(plain, Data(kind="demo", root=str(tmp_path / "elsewhere"))) is None


def test_an_apex_outside_the_clip_is_refused(tmp_path):
    with pytest.raises(DataError, match="clip s1_ne_01: apex 6 is none of its 6 frames"):
        look_up(faces(tmp_path / "a.h5", apex=6), Data(kind="smic"))
