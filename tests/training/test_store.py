"""Reading the features of many shards."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import listed
from microexpr import cache
from microexpr.errors import CacheError, DataError
from microexpr.training.store import FeatureStore, open_features

SHAPE = (6, 3, 3)


def features(clip_id: str, length: int) -> np.ndarray:
    seed = sum(map(ord, clip_id))
    return np.random.default_rng(seed).normal(size=(length, *SHAPE)).astype(np.float16)


@pytest.fixture
def shard(tmp_path):
    """Write a feature cache; clips are given as name=length."""

    def write(name: str, weights_sha256: str = "ab", method: str = "amm", **clips: int):
        path = tmp_path / f"{name}.h5"
        made = cache.Provenance(weights_name="net", weights_sha256=weights_sha256)
        with cache.create(path, "features", made) as out:
            for clip_id, length in clips.items():
                with out.clip(clip_id, method=method, cut=8) as clip:
                    clip.append(
                        features(clip_id, length),
                        frame=np.arange(length),
                        time=np.arange(length) / 100,
                    )
        return path

    return write


@pytest.mark.parametrize("memory_bytes", [0, 2**30], ids=["streamed", "in memory"])
def test_rows_of_several_shards_in_the_order_of_the_manifest(shard, memory_bytes):
    paths = [shard("s1", a=5, b=7), shard("s2", c=4)]
    clips = listed.rows("cab", ["s2", "s1", "s1"], ["x", "y", "z"])
    with open_features(paths, clips, memory_bytes=memory_bytes) as store:
        assert all(isinstance(d, np.ndarray if memory_bytes else h5py.Dataset) for d in store.data)
        assert store.shape == SHAPE
        assert store.clip_ids == ("c", "a", "b")
        assert store.subjects == ("s2", "s1", "s1")
        assert store.labels == ("x", "y", "z")
        assert store.lengths.tolist() == [4, 5, 7]
        assert store.onset_row.tolist() == [0] * 4 + [4] * 5 + [9] * 7
        assert store.rows([2, 0]).tolist() == [*range(9, 16), *range(4)]
        everything = np.concatenate([features("c", 4), features("a", 5), features("b", 7)])
        rows = np.array([0, 3, 4, 8, 9, 15])
        found = store.read(rows)
        assert found.numpy().dtype == np.float16
        assert np.array_equal(found, everything[rows])


def test_digest_follows_content_and_order(shard):
    paths = [shard("s1", a=5), shard("s2", c=4)]

    def digest(order, label="x"):
        with open_features(paths, listed.rows(order, order, [label] * 2)) as store:
            return store.digest

    first = digest("ac")
    assert digest("ac", label="y") == first
    assert digest("ca") != first
    paths.reverse()  # the order is that of the manifest, however the files are named
    assert digest("ac") == first
    paths[0] = shard("s3", c=5)
    assert digest("ac") != first


def test_shards_that_do_not_belong_together_are_refused(shard):
    one, clips = shard("s1", a=5), listed.rows("ac", "st", "xy")
    for other, message in (
        (shard("s2", weights_sha256="cd", c=4), "clip c: weights_sha256 is cd"),
        (shard("s3", method="pmm", c=4), "clip c: method is pmm"),
        (shard("s4", a=4), "clip a is in another"),
    ):
        with pytest.raises(CacheError, match=message), open_features([one, other], clips):
            pass


def test_the_manifest_lists_the_clips_of_the_caches_and_no_other(shard, tmp_path):
    paths = [shard("s1", a=5), shard("s2", c=4)]
    path = listed.write(tmp_path / "manifest.csv", "ac", "st", "xy")
    with open_features(paths, manifest=path) as store:
        assert list(zip(store.clip_ids, store.subjects, store.labels, strict=True)) == [
            ("a", "s", "x"),
            ("c", "t", "y"),
        ]
    for names, message in (
        ("acz", r"^clip z: in the manifest, and in none of the caches given \(2\); give those"),
        ("a", r"s2\.h5: clip c is not in the manifest; run snakemake again"),
    ):
        clips = listed.rows(names, names, names)
        with pytest.raises(CacheError, match=message), open_features(paths, clips):
            pass


def test_clips_of_different_shapes_are_refused():
    with pytest.raises(DataError, match="clip b"):
        FeatureStore.from_arrays(
            {"a": np.zeros((3, 4, 1, 1)), "b": np.zeros((3, 5, 1, 1))},
            subjects=["s", "s"],
            labels=["x", "x"],
        )
    with pytest.raises(DataError, match="no clip"):
        FeatureStore.from_arrays({}, subjects=[], labels=[])


def test_a_damaged_frame_names_its_clip(shard):
    path = shard("s1", a=5, b=5)
    with h5py.File(path) as file:
        offset = file["b/feature"].id.get_chunk_info(2).byte_offset
    content = bytearray(path.read_bytes())
    content[offset + 20] ^= 255
    path.write_bytes(content)
    with open_features([path], listed.rows("ab", "ss", "xx"), memory_bytes=0) as store:
        store.read(np.arange(5))
        with pytest.raises(CacheError, match="clip b: features are damaged"):
            store.read(np.arange(5, 10))
