"""Caches that are damaged, stale, of something else or hostile are never used in silence."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest
from clips import features_cache

import listed
from microexpr import cache
from microexpr.cache import open_cache, verify
from microexpr.cache.schema import attributes_digest, text_fixed
from microexpr.config import Config
from microexpr.errors import CacheError
from microexpr.pipeline.plan import Plan
from microexpr.runtime.tables import seal

SECTION = "Caches"
MAGNIFY = ("--method", "amm", "--config", json.dumps({"magnify": {"amm": {"levels": 2}}}))


def magnify(source, tmp_path):
    files = ("--faces", source, "--magnified", tmp_path / "magnified.h5")
    return ["stage", "magnify", *files, *MAGNIFY]


def edited(path, change):
    """Change a cache as a faulty program would; give its path."""
    with h5py.File(path, "r+") as file:
        change(file)
    return path


@pytest.mark.slow
def test_no_flipped_byte_is_used_in_silence(image_cache, fails, tmp_path):
    """Wherever it lies: the cache is refused, or nothing that is read has changed."""
    path = image_cache(clips=1, frames=3, size=8)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in rng.choice(len(whole), 300, replace=False):
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(content)
        try:
            digest = verify(path)
        except CacheError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            refused += 1
            continue
        path.write_bytes(whole)
        assert digest == verify(path)
    assert refused > 100
    content = bytearray(whole)
    with h5py.File(path) as file:
        content[file["s0_ne_01/image"].id.get_chunk_info(1).byte_offset + 5] ^= 4
    path.write_bytes(content)
    says = "faces.h5: clip s0_ne_01: image is damaged"
    fails(SECTION, "a flipped byte in a frame", *magnify(path, tmp_path), says=says)


def test_a_changed_attribute(image_cache, fails, tmp_path):
    """Another value: by damage, which HDF5 sees, or by a program, which it does not."""
    path = edited(image_cache(), lambda file: file["s0_ne_01"].attrs.__setitem__("fps", 50.0))
    says = "faces.h5: attributes do not match their checksum; delete and rebuild it"
    fails(SECTION, "an attribute changed by another program", *magnify(path, tmp_path), says=says)
    path = image_cache()
    content = path.read_bytes()
    assert content.count(b"microexpr faces") == 1
    path.write_bytes(content.replace(b"microexpr faces", b"microexpr feces"))
    says = "faces.h5 is damaged .*incorrect metadata checksum"
    fails(SECTION, "flipped bytes in an attribute (the title)", *magnify(path, tmp_path), says=says)


@pytest.mark.parametrize(
    ("fps", "says"),
    [
        (None, "faces.h5: clip s0_ne_01: attribute fps is missing; delete and rebuild it"),
        ("25", "attribute fps is '25', no positive number"),
        (-1.0, "attribute fps is -1.0, no positive number"),
        (np.nan, "attribute fps is nan, no positive number"),
        (np.array([25.0, 30.0]), "attribute fps is array.*, no positive number"),
    ],
)
def test_a_cache_without_a_frame_rate(image_cache, fails, tmp_path, fps, says):
    """Made by a program that seals it as we do."""

    def change(file):
        for clip in file.values():
            del clip.attrs["fps"]
            if fps is not None:
                clip.attrs["fps"] = text_fixed(fps)
        del file.attrs["attributes_sha256"]
        file.attrs["attributes_sha256"] = text_fixed(attributes_digest(file))

    path = edited(image_cache(), change)
    fault = "no frame rate in a cache"
    fails(SECTION, fault, *magnify(path, tmp_path), says=says, row=fps is None)


def test_a_value_that_was_replaced(image_cache, fails, tmp_path):
    def change(file):
        file["s0_ne_01/time"][1] = np.nan

    path = edited(image_cache(), change)
    says = "faces.h5: content does not match its checksum"
    fails(SECTION, "a value replaced by NaN", *magnify(path, tmp_path), says=says)


def test_a_truncated_cache(image_cache, fails, tmp_path):
    path = image_cache()
    path.write_bytes(path.read_bytes()[:-200])
    says = r"faces.h5: not a readable HDF5 file \(.*truncated file"
    fails(SECTION, "truncated", *magnify(path, tmp_path), says=says)


def test_a_killed_writer(image_cache, fails, tmp_path):
    path = edited(image_cache(), lambda file: file.attrs.__delitem__("complete"))
    says = "faces.h5: incomplete, made by an interrupted run; delete it"
    fails(SECTION, "not finished (its job was killed)", *magnify(path, tmp_path), says=says)


def test_another_version_and_another_kind(image_cache, fails, tmp_path):
    path = edited(
        image_cache(), lambda file: file.attrs.__setitem__("schema_version", np.bytes_("1.0"))
    )
    says = "faces.h5: schema version 1.0, wanted 2.0; delete it and run snakemake again"
    fails(SECTION, "an older schema version", *magnify(path, tmp_path), says=says)
    says = "frames.h5: is a cache of frames, wanted faces"
    fails(SECTION, "another kind of cache", *magnify(image_cache("frames"), tmp_path), says=says)


@pytest.fixture
def train(tmp_path):
    """Give the arguments that train on two shards."""
    (tmp_path / "folds.csv").write_text(
        "clip_id,subject,label,fold\ns1_a,s1,negative,s1\ns2_a,s2,negative,s2\n"
    )
    seal(tmp_path / "folds.csv")
    clips = ["s1_a", "s2_a"]
    listed.write(tmp_path / "manifest.csv", clips, ["s1", "s2"], ["negative", "negative"])

    def arguments(*paths, **features):
        config = json.dumps({"features": features, "train": {"epochs": 1}})
        options = ("--manifest", tmp_path / "manifest.csv", "--folds", tmp_path / "folds.csv")
        options += ("--method", "pmm", "--n", 7)
        options += ("--predictions", tmp_path / "p.csv", "--config", config)
        return ["stage", "train", "--features", *paths, *options]

    return arguments


def test_older_code(tmp_path, train, fails, image_cache):
    old = {"source_sha256": "0123456789abcdef"}
    paths = [features_cache(tmp_path / f"{s}.h5", f"{s}_a", **old) for s in ("s1", "s2")]
    says = (
        r"features: made by other code of stage features \(0123456789abcdef\); if the results are "
        "the same, microexpr adopt; else snakemake --forcerun features$"
    )
    fails(SECTION, "features made by older code", *train(*paths), says=says)
    black = np.zeros((3, 8, 8, 3), np.uint8)
    with (
        cache.create(tmp_path / "faces.h5", "faces", cache.Provenance(**old)) as out,
        out.clip("s1_a", fps=100.0) as clip,
    ):
        clip.append(black, frame=np.arange(3), time=np.arange(3) / 100)
    says = (
        r"faces.h5: made by other code of stage crop \(0123456789abcdef\); if the results are the "
        "same, microexpr adopt; else snakemake --forcerun crop$"
    )
    fails(SECTION, "crops made by older code", *magnify(tmp_path / "faces.h5", tmp_path), says=says)


def test_another_configuration(tmp_path, train, fails):
    paths = [features_cache(tmp_path / f"{s}.h5", f"{s}_a") for s in ("s1", "s2")]
    says = "features.cut: the caches were made with 13, the configuration says 11; rebuild them"
    fails(SECTION, "features of another cut", *train(*paths, cut=11), says=says)
    paths[1] = features_cache(tmp_path / "s2.h5", "s2_a", alpha=5.0)
    says = "clip s2_a: alpha is 5.0, of clip s1_a it is 10.0: rebuild the feature caches"
    fails(SECTION, "one shard with another alpha", *train(*paths), says=says)
    paths[1] = features_cache(tmp_path / "s2.h5", "s2_a", params={"features": {"dtype": "x"}})
    fails(
        SECTION, "one shard with other settings", *train(*paths), says="clip s2_a: params_json is"
    )


def test_other_weights(tmp_path, train, fails):
    paths = [
        features_cache(tmp_path / f"{s}.h5", f"{s}_a", weights_sha256="a" * 64)
        for s in ("s1", "s2")
    ]
    (tmp_path / "w.safetensors").write_bytes(b"other weights under the same name")
    says = "features.weights_sha256: the caches were made with a{64}, the configuration says "
    arguments = train(*paths, weights={"path": str(tmp_path / "w.safetensors")})
    fails(SECTION, "features of other weights", *arguments, says=says)
    paths[1] = features_cache(tmp_path / "s2.h5", "s2_a", weights_sha256="b" * 64)
    says = "clip s2_a: weights_sha256 is b{64}"
    fails(SECTION, "one shard with other weights", *train(*paths), says=says)


def test_another_weights_file_at_the_same_place_makes_features_again(tmp_path):
    path = tmp_path / "w.safetensors"
    sums = []
    for content in (b"one", b"two"):
        path.write_bytes(content)
        values = Config().model_dump(mode="json")
        values["features"]["weights"] = {"path": str(path)}
        # A parameter of the rule: Snakemake compares it with that of the last run.
        sums.append(Plan(values).weights("mobilenet_vggface2"))
        path = shutil.move(path, tmp_path / "moved.safetensors")
    assert len({*sums, ""}) == 3


def hostile(file):
    """Give ways to ask for more than there is, or for other files, by name."""
    group = file["s0_ne_01"]

    def replaced(name, **options):
        del group[name]
        return group.create_dataset(name, **options)

    def cut_short():  # found by fuzzing: HDF5 alone ends the process
        group["image"].id.write_direct_chunk((1, 0, 0, 0), b"ab")

    side = 10**6
    huge = dict(shape=(5, side, side, 3), dtype="u1", chunks=(1, side, side, 3))
    few = dict(shape=(10**12, 16, 16, 3), dtype="u1", chunks=(1, 16, 16, 3))
    texts = np.array(["x"] * 70_000, dtype=object)
    return {
        "a frame of 3 TB": lambda: replaced("image", **huge, maxshape=(None,) * 4),
        "a trillion frames that are not in the file": lambda: replaced("image", **few),
        "an array in another file": lambda: replaced(
            "time", shape=(5,), dtype="f8", external=[("/etc/passwd", 0, 40)]
        ),
        "a link to another file": lambda: (
            group.__delitem__("time"),
            group.__setitem__("time", h5py.ExternalLink("other.h5", "/time")),
        ),
        "an array of another type": lambda: replaced(
            "time", data=np.zeros(5, "c16"), chunks=(5,), maxshape=(None,)
        ),
        "a chunk that is shorter than its own checksum": cut_short,
        "an attribute with 70,000 strings": lambda: file.attrs.create("title", texts),
        "a thousand attributes": lambda: [group.attrs.__setitem__(f"a{n}", n) for n in range(1000)],
    }


@pytest.mark.parametrize("fault", list(hostile({"s0_ne_01": None})))
def test_what_asks_for_more_than_there_is(image_cache, fails, tmp_path, fault):
    path = image_cache(size=16)
    with h5py.File(path, "r+", track_order=True, libver="latest") as file:
        hostile(file)[fault]()
    fails(SECTION, fault, *magnify(path, tmp_path), says=r"faces.h5: .*", row=True)


def test_a_clip_without_an_array(image_cache):
    path = edited(image_cache(), lambda file: file["s0_ne_01"].__delitem__("time"))
    with open_cache(path) as found, pytest.raises(CacheError, match="time is missing"):
        _ = found["s0_ne_01"]
