"""Caches describe themselves, open in common readers, and are whole or not there at all."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import stat
import subprocess

import h5py
import numpy as np
import pytest
import xarray

from microexpr import cache
from microexpr.errors import CacheError


def test_roundtrip_keeps_values_and_order(image_cache):
    path = image_cache(clips=3)
    rng = np.random.default_rng(0)
    with cache.open_cache(path, "faces") as found:
        assert found.clip_ids == ["s0_ne_01", "s1_ne_01", "s2_ne_01"]
        for clip in found:
            np.testing.assert_array_equal(
                clip.data[:], rng.integers(0, 256, (5, 16, 16, 3), np.uint8)
            )
            np.testing.assert_allclose(clip["box"], rng.uniform(0, 16, (5, 4)), rtol=1e-6)
            assert clip.attributes["n_decoded"] == 5
            assert clip["frame"].tolist() == [1000, 1001, 1002, 1003, 1004]


def test_appending_in_pieces_gives_the_same_content(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (7, 8, 9, 3), np.uint8)
    digests = []
    for name, cuts in (("whole", [0, 7]), ("pieces", [0, 2, 3, 7])):
        with (
            cache.create(tmp_path / f"{name}.h5", "frames", cache.Provenance()) as out,
            out.clip("a") as clip,
        ):
            for start, stop in itertools.pairwise(cuts):
                rows = np.arange(start, stop)
                clip.append(images[start:stop], frame=rows, time=rows / 25)
        digests.append(cache.verify(tmp_path / f"{name}.h5"))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_features_keep_their_bits_under_every_compression(tmp_path, compression):
    values = np.random.default_rng(2).standard_normal((4, 6, 3, 3)).astype(np.float16)
    path = tmp_path / "features.h5"
    with (
        cache.create(path, "features", cache.Provenance(), compression=compression) as out,
        out.clip("a", fps=100.0) as clip,
    ):
        clip.append(values, frame=np.arange(4), time=np.arange(4) / 100)
    with cache.open_cache(path) as found:
        np.testing.assert_array_equal(found["a"].data[:], values)
        assert found["a"].data.chunks == (1, 6, 3, 3)
    cache.verify(path)


def test_xarray_reads_names_units_and_values(image_cache):
    path = image_cache()
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        clip = tree["s1_ne_01"].to_dataset()
        assert clip["image"].dims == ("frame", "y", "x", "rgb")
        assert clip["time"].attrs["units"] == "s"
        assert clip["frame"].values.tolist() == [1000, 1001, 1002, 1003, 1004]
        assert tree.attrs["schema"] == "microexpr/faces"
        with h5py.File(path) as file:
            np.testing.assert_array_equal(clip["image"].values, file["s1_ne_01/image"][:])


@pytest.mark.skipif(shutil.which("h5ls") is None, reason="h5ls is not installed")
def test_h5ls_reads_it(image_cache):
    text = subprocess.run(
        ["h5ls", "-r", image_cache()], check=True, text=True, capture_output=True
    ).stdout
    assert "/s0_ne_01/image" in text
    assert "{5/Inf, 16, 16, 3}" in text


def test_provenance_is_stored(tmp_path):
    provenance = cache.Provenance(
        source_sha256="abc", params={"crop": {"size_px": 8}}, inputs=({"path": "x", "sha256": "y"},)
    )
    with (
        cache.create(tmp_path / "a.h5", "frames", provenance) as out,
        out.clip("a") as clip,
    ):
        clip.append(np.zeros((1, 4, 4, 3), np.uint8), frame=[0], time=[0.0])
    with cache.open_cache(tmp_path / "a.h5") as found:
        assert found.attributes["source_sha256"] == "abc"
        assert json.loads(found.attributes["params_json"]) == {"crop": {"size_px": 8}}
        assert json.loads(found.attributes["inputs_json"])[0]["sha256"] == "y"


def test_an_interrupted_write_leaves_nothing_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(b"old")
    with (
        pytest.raises(RuntimeError, match="power cut"),
        cache.create(path, "frames", cache.Provenance()) as out,
        out.clip("a") as clip,
    ):
        clip.append(np.zeros((1, 4, 4, 3), np.uint8), frame=[0], time=[0.0])
        raise RuntimeError("power cut")
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]
    assert path.read_bytes() == b"old"


def test_only_the_owner_can_read(image_cache):
    assert stat.S_IMODE(image_cache().stat().st_mode) == 0o600


def test_frames_of_another_size_are_refused_by_name(tmp_path):
    with (
        pytest.raises(CacheError, match=r"clip s1_ne_01: frame 2 is \(4, 5, 3\)"),
        cache.create(tmp_path / "a.h5", "frames", cache.Provenance()) as out,
        out.clip("s1_ne_01") as clip,
    ):
        clip.append(np.zeros((2, 4, 4, 3), np.uint8), frame=[0, 1], time=[0, 1])
        clip.append(np.zeros((1, 4, 5, 3), np.uint8), frame=[2], time=[2])
    assert not list(tmp_path.iterdir())


def test_values_that_are_not_finite_are_refused(tmp_path):
    bad = np.full((1, 2, 1, 1), np.inf, np.float16)
    with (
        pytest.raises(CacheError, match="clip a: feature is not finite from frame 0"),
        cache.create(tmp_path / "a.h5", "features", cache.Provenance()) as out,
        out.clip("a") as clip,
    ):
        clip.append(bad, frame=[0], time=[0.0])


def test_a_clip_without_frames_is_refused(tmp_path):
    with (
        pytest.raises(CacheError, match="clip a: no frame"),
        cache.create(tmp_path / "a.h5", "frames", cache.Provenance()) as out,
        out.clip("a"),
    ):
        pass


def _flip(path):
    with h5py.File(path, "r+") as file:
        file["s1_ne_01/frame"][2] += 1


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def _incomplete(path):
    with h5py.File(path, "r+") as file:
        del file.attrs["complete"]


def _old_schema(path):
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = np.bytes_("0.9")


def _short_piece(path):
    # Read by the library alone, a piece shorter than its own checksum ends the process.
    with h5py.File(path, "r+") as file:
        file["s1_ne_01/image"].id.write_direct_chunk((1, 0, 0, 0), b"ab")


def _unfiltered_piece(path):
    with h5py.File(path, "r+") as file:
        pixels = file["s1_ne_01/image"]
        raw = np.zeros(pixels.chunks, pixels.dtype).tobytes()
        pixels.id.write_direct_chunk((1, 0, 0, 0), raw, filter_mask=0b11)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_flip, "does not match its checksum"),
        (_short_piece, "s1_ne_01: image is damaged .a chunk of 2 bytes"),
        (_unfiltered_piece, "s1_ne_01: image is damaged .a chunk of"),
        (_truncate, "not a readable HDF5 file"),
        (_incomplete, "incomplete"),
        (_old_schema, "schema version 0.9"),
        (lambda path: path.unlink(), "not a readable HDF5 file"),
        (lambda path: path.write_text("hello"), "not a readable HDF5 file"),
    ],
)
def test_damage_is_found(image_cache, damage, message):
    path = image_cache()
    damage(path)
    with pytest.raises(CacheError, match=message):
        cache.verify(path)


def test_a_flipped_byte_in_the_pixels_is_found(image_cache):
    path = image_cache(size=64)
    with h5py.File(path) as file:
        offset = file["s0_ne_01/image"].id.get_chunk_info(3).byte_offset
    content = bytearray(path.read_bytes())
    content[offset + 40] ^= 1
    path.write_bytes(content)
    with pytest.raises(CacheError, match="s0_ne_01: image is damaged"):
        cache.verify(path)


def test_another_kind_is_refused(image_cache):
    path = image_cache("frames")
    with (
        pytest.raises(CacheError, match="cache of frames, wanted features"),
        cache.open_cache(path, "features"),
    ):
        pass


def test_what_hdf5_remembers_does_not_grow_with_the_clips(tmp_path):
    frame = np.zeros((1, 4, 4, 3), np.uint8)
    with cache.create(tmp_path / "a.h5", "frames", cache.Provenance()) as out:
        for number in range(300):
            with out.clip(f"c{number}") as clip:
                clip.append(frame, frame=[0], time=[0.0])
    with cache.open_cache(tmp_path / "a.h5") as found:
        for clip in found:
            assert len(clip["frame"]) == 1
            largest, *_ = clip.group.file.id.get_mdc_size()
            assert largest <= 2**20


@pytest.mark.parametrize(("kind", "kept"), [("frames", False), ("faces", True)])
def test_frames_do_not_fill_the_memory_of_the_machine(tmp_path, kind, kept):
    """They may be more than there is, and one stage reads them."""
    if shutil.which("fincore") is None or not hasattr(os, "posix_fadvise"):
        pytest.skip("fincore (util-linux) is not here")
    where = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, check=True)
    if where.stdout == b"tmpfs\n":
        pytest.skip("the temporary folder is in memory itself")
    images = np.random.default_rng(3).integers(0, 256, (20, 480, 640, 3), np.uint8)
    path = tmp_path / "cache.h5"
    with (
        cache.create(path, kind, cache.Provenance(), compression="none") as out,
        out.clip("a") as clip,
    ):
        for start in range(0, 160, 20):
            rows = np.arange(start, start + 20)
            clip.append(images, frame=rows, time=rows / 25)
            os.sync()  # a slow disk could hold pages back
    command = ["fincore", "--bytes", "--noheadings", "--output", "RES", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    share = int(done.stdout) / path.stat().st_size
    assert share > 0.9 if kept else share < 0.5


def note_of(path, *, value=0, compression="gzip", **made):
    """Write a cache of one frame; give the note beside it."""
    with (
        cache.create(path, "faces", cache.Provenance(**made), compression=compression) as out,
        out.clip("a", fps=100.0) as clip,
    ):
        clip.append(np.full((1, 4, 4, 3), value, np.uint8), frame=np.arange(1), time=np.zeros(1))
    return path.with_name(f"{path.name}.content").read_text()


def test_the_note_beside_a_cache_follows_from_values_and_attributes_only(tmp_path):
    path = tmp_path / "s1.h5"
    note = note_of(path)
    with cache.open_cache(path) as found:
        sums = {name: found.attributes[f"{name}_sha256"] for name in ("attributes", "content")}
    lines = "".join(f"{name}\0{digest}\n" for name, digest in sums.items())
    assert note == f"{hashlib.sha256(lines.encode()).hexdigest()}  content of s1.h5\n"
    written = path.read_bytes()
    assert note_of(path, compression="none") == note
    assert path.read_bytes() != written
    assert note_of(path, value=1) != note
    assert note_of(path, params={"crop": 1}) != note


def test_no_room_for_the_note_leaves_no_cache(tmp_path):
    (tmp_path / "s1.h5.content").mkdir()  # no file can take its name
    with pytest.raises(OSError, match="directory"):
        note_of(tmp_path / "s1.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["s1.h5.content"]
