"""Stage decode: the annotated range of a recording, with the apex where it lies in the clip."""

from __future__ import annotations

import errno
import hashlib

import cv2
import numpy as np
import pytest

from microexpr.cache import clips, open_cache
from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.errors import DataError
from running import decode, run_stage


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
    decode(tmp_path, ["s"], tmp_path / "s.h5")
    with open_cache(tmp_path / "s.h5", "frames") as cache:
        return cache["c"]["frame"][:].tolist(), dict(cache["c"].attributes)


@pytest.mark.parametrize(
    ("counters", "apex", "index"),
    [
        (range(5, 30), 10, 0),
        (range(5, 30), 12, 2),
        (range(5, 30), 14, 4),
        ([8, 10, 11, 13, 14, 20], 12, 2),  # the camera dropped the apex: interpolated
        ([8, 10, 13, 14, 20], 13, 3),
        ([10, 11, 12], 14, 2),
    ],
)
def test_the_apex_is_an_index_into_the_clip(tmp_path, counters, apex, index):
    numbers, attributes = decoded(tmp_path, counters, onset=10, apex=apex, offset=14)
    inside = [counter for counter in counters if 10 <= counter <= 14]
    assert numbers == list(range(inside[0], inside[-1] + 1))
    assert attributes["apex"] == index
    assert attributes["fps"] == 200


def write_clips(root, **given):
    """Write a folder of frames per clip, of two subjects, and their manifest."""
    rows = []
    for name, frames in given.items():
        (root / name).mkdir()
        for counter, frame in enumerate(frames, 1):
            cv2.imwrite(str(root / name / f"img{counter}.png"), frame)
        rows.append(
            manifest.Clip(
                clip_id=name,
                subject=f"s_{name[0]}",
                label="negative",
                kind="images",
                source=name,
                fps=100.0,
                frames=len(frames),
                first=1,
                last=len(frames),
            )
        )
    manifest.write(root / "manifest.csv", rows)
    return rows


def noise(seed, frames=3):
    return np.random.default_rng(seed).integers(0, 256, (frames, 8, 6, 3), np.uint8)


def test_a_cache_says_what_was_decoded_and_not_who_is_seen(tmp_path):
    frames = noise(0, 40)  # more than one chunk
    write_clips(tmp_path, a=frames)
    decode(tmp_path, ["s_a"], tmp_path / "x.h5")
    config = Config.parse({"crop": {"detector": "none"}})
    run_stage("crop", config, frames=tmp_path / "x.h5", faces=tmp_path / "faces.h5")
    content = np.ascontiguousarray(frames[..., ::-1]).tobytes()
    for name in ("x.h5", "faces.h5"):
        with open_cache(tmp_path / name) as cache:
            attributes = cache["a"].attributes
        assert attributes["frames_sha256"] == hashlib.sha256(content).hexdigest()
        assert {"subject", "label"}.isdisjoint(attributes)


def test_every_clip_that_cannot_be_decoded_is_named(tmp_path):
    write_clips(tmp_path, a1=noise(0), a2=noise(1), b1=noise(2), b2=noise(3))
    (tmp_path / "a1/img2.png").write_bytes(b"no image")
    (tmp_path / "b1/img3.png").unlink()
    cv2.imwrite(str(tmp_path / "b2/img3.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DataError) as caught:
        decode(tmp_path, ["s_a", "s_b"], tmp_path / "x.h5")
    first, second, third = caught.value.messages
    assert first.startswith("clip a1: frame 2: ")
    assert second.startswith("clip b1: ") and "the manifest says 3 images 1-3" in second
    assert third.startswith("clip b2: frame 3 is 4x4 px")
    for clip, message in (("a1", first), ("b1", second), ("b2", third)):
        assert message.endswith(f"; to leave the clip out: data.leave_out: [{clip}]")
    assert not list(tmp_path.glob("*x.h5*")) + list(tmp_path.glob(".*"))


def test_a_disk_that_is_full_is_no_fault_of_the_clips(tmp_path, monkeypatch):
    write_clips(tmp_path, a1=noise(0), a2=noise(1))
    tried = []

    def full(_, clip):
        tried.append(clip.clip_id)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(clips, "decode_clip", lambda root, clip, out: full(root, clip))
    with pytest.raises(OSError, match="No space left"):
        decode(tmp_path, ["s_a"], tmp_path / "x.h5")
    assert tried == ["a1"]


def test_a_file_that_may_not_be_read_is_a_fault_of_its_clip(tmp_path):
    write_clips(tmp_path, a1=noise(0), a2=noise(1))
    for clip in ("a1", "a2"):
        (tmp_path / clip / "img2.png").unlink()
        (tmp_path / clip / "img2.png").mkdir()
    with pytest.raises(DataError, match=r"^clip a1: .*img2.png is a folder, not a .*\nclip a2: "):
        decode(tmp_path, ["s_a"], tmp_path / "x.h5")


def test_without_an_apex_there_is_no_attribute(tmp_path):
    _, attributes = decoded(tmp_path, range(5, 30), onset=10, offset=14)
    assert "apex" not in attributes
