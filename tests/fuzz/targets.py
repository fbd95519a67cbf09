"""Readers of files from outside: each target reads any bytes or raises a MicroexprError.

Anything else (another exception, a crash, unbounded memory) is a finding. The
targets serve Hypothesis (:mod:`test_fuzz`, in the suite) and atheris (:mod:`run`, for hours).
"""

from __future__ import annotations

import html
import io
import itertools
import json
import math
import os
import pickle
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import openpyxl
import torch
from safetensors.torch import save

from microexpr import cache
from microexpr.backbones import readers
from microexpr.config import Config, Data, Demo
from microexpr.datasets import manifest, read, sheets
from microexpr.errors import MicroexprError
from microexpr.protocol import read_folds
from microexpr.report.document import marked, plain
from microexpr.runtime.names import MAX_IDENTIFIER, Names, apart, fold, readable, visible
from microexpr.runtime.tables import read_rows, read_table, seal, write_rows, write_table
from microexpr.video.picture import image_pictures
from microexpr.video.rate import time_axis
from microexpr.video.reading import video_pictures
from microexpr.video.time_axis import Resampled

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz"))
SUFFIXES = (".pkl", ".pth", ".npz", ".h5", ".safetensors")
HEADERS = {"subject": ["Subject"], "name": ["Filename"], "apex?": ["ApexFrame"]}


def _file(name: str, content: bytes) -> Path:
    path = FOLDER / name
    path.write_bytes(content)
    return path


def _sealed(name: str, content: bytes) -> Path:
    path = _file(name, content)
    seal(path)
    return path


def config(content: bytes) -> None:
    """Read a configuration file."""
    Config.load(str(_file("c.yaml", content)))


def inline(content: bytes) -> None:
    """Read settings as a rule passes them on a command line."""
    Config.load("{" + content.decode("utf-8", "replace"))


def tables(content: bytes) -> None:
    """Read the manifest, folds, a table of clips or annotations; the first byte says which."""
    kind, content = content[:1], content[1:]
    if kind == b"m":
        manifest.read(_sealed("m.csv", content))
    elif kind == b"f":
        read_folds(_sealed("f.csv", content), ["c1", "c2"])
    elif kind == b"t":
        path = _file("t.csv", content)
        listing = read(Data(kind="video", root=str(FOLDER), table=str(path)), Demo())
        manifest.check(listing.clips, ["negative", "positive", "surprise"])
        manifest.shards(listing.clips, 1)
    else:
        suffix = ".xlsx" if kind == b"x" else ".csv"
        for _, cells in sheets.with_header(_file(f"a{suffix}", content), HEADERS):
            sheets.frame_number(cells.get("apex"))


def weights(content: bytes) -> None:
    """Read a weights file; the first byte says in which format."""
    suffix = SUFFIXES[content[0] % len(SUFFIXES)] if content else ".pkl"
    readers.read(_file(f"w{suffix}", content[1:]))


def caches(content: bytes) -> None:
    """Open, verify and read a cache."""
    path = _file("c.h5", content)
    cache.verify(path)
    with cache.open_cache(path) as found:
        for clip in found:
            assert len(clip.data[:]) == len(clip["frame"]) == len(clip["time"])
            assert clip.attributes


def images(content: bytes) -> None:
    """Read an image under both policies."""
    path = _file("image1.png", content)
    (picture,) = image_pictures([(1, path)], "lenient")
    assert picture.rgb().dtype == np.uint8
    (picture,) = image_pictures([(1, path)], "strict")
    assert picture.rgb().dtype == np.uint8


def videos(content: bytes) -> None:
    """Read a video under both policies: what strict accepts, lenient does not leave out."""
    path = _file("a.mp4", content)
    lenient = sum(picture.rgb().dtype == np.uint8 for picture in video_pictures(path, "lenient"))
    assert lenient == sum(1 for _ in video_pictures(path, "strict"))


def times(content: bytes) -> None:
    """Find the time axis of any stamps; what is accepted is even, and no frame is used twice."""
    head, rest = content[:3].ljust(3, b"\1"), content[3:]
    unit = (Fraction(1, 1000), Fraction(1, 90000), Fraction(1001, 30000))[head[0] % 3]
    rates = [Fraction(1 + head[1]), 1 / unit][: head[2] % 3]
    kind = "<i8" if head[2] & 128 else "<u2"
    numbers = np.frombuffer(rest[: len(rest) // 8 * 8], kind).tolist()
    stamps = numbers if head[2] & 64 else list(accumulate(numbers))
    if not stamps:
        return
    given = 200.0 if head[2] & 32 else None
    axis = time_axis(stamps, unit, rates=rates, capture_fps=given)
    assert 0 < axis.fps < math.inf
    axis.check(range(len(stamps)), "resample")
    known = zip(axis.grid_s.tolist(), range(len(stamps)), strict=True)
    made = list(Resampled(known, axis, lambda before, after, share: before))
    assert len(made) == len(axis) <= 100 * len(stamps)
    assert made == sorted(made)
    times_s = axis.times_s
    assert (np.diff(times_s) >= 0).all()
    assert abs(len(axis) - 1 - (times_s[-1] - times_s[0]) * axis.fps) < 1.01


def names(content: bytes) -> None:
    """Spell two names, parted by a null byte: they become one if, and only if, they look alike."""
    one, _, other = os.fsdecode(content).partition("\0")
    given = Names("subjects")
    spelt = {name: given.of(name) for name in (one, other)}
    assert (spelt[one] == spelt[other]) == (visible(one) == visible(other))
    about = {"label": "a", "kind": "video", "source": "a", "frames": 0, "first": 0, "last": 0}
    for name, identifier in spelt.items():
        clip = manifest.Clip(clip_id=identifier, subject=identifier, fps=0, **about)
        assert Path(clip.clip_id).name == clip.subject
        assert len(clip.clip_id.encode()) <= MAX_IDENTIFIER
        assert fold(fold(name)) == fold(name)
        assert html.unescape(str(marked(plain(name)))) == name
        assert apart(name, [name, other]) not in (name, other)


def own_tables(content: bytes) -> None:
    """Write a table of any texts, as names are; read the same from it, by both readers."""
    cells = [visible(readable(cell)) for cell in os.fsdecode(content).split("\0")]
    rows = [{"a": one, "b": other} for one, other in itertools.pairwise([*cells, "NA", "1"])]
    write_rows(FOLDER / "r.csv", ["a", "b"], rows)
    assert read_rows(FOLDER / "r.csv") == rows
    found = read_table(FOLDER / "r.csv", text=["a", "b"])
    assert found.to_dict("records") == rows
    write_table(FOLDER / "t.csv", found.assign(value=0.5))
    again = read_table(FOLDER / "t.csv", text=["a", "b"])
    assert again.drop(columns="value").to_dict("records") == rows
    assert set(again["value"]) == {0.5}


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        config,
        inline,
        tables,
        names,
        own_tables,
        weights,
        caches,
        images,
        videos,
        times,
    )
}


def survives(name: str, content: bytes) -> bool:
    """Run a target; return whether the bytes were accepted."""
    try:
        TARGETS[name](content)
    except MicroexprError as error:
        assert len(str(error)) < 10_000, "the message is too long to read"
        return False
    return True


@lru_cache  # a spreadsheet holds the time at which it was made
def seeds(name: str) -> list[bytes]:
    """Return bytes that a target accepts, to start from."""
    return SEEDS[name]()


def _config_seeds() -> list[bytes]:
    root = Path(__file__).parents[2]
    return [path.read_bytes() for path in (root / "config.yaml", *root.glob("config/*.yaml"))]


def _inline_seeds() -> list[bytes]:
    return [json.dumps(Config().model_dump(mode="json"))[1:].encode(), b'"crop": {"margin": 0.3}}']


def _table_seeds() -> list[bytes]:
    clip = dict(clip_id="c1", subject="s", label="negative", kind="video", source="a", fps=9.5)
    manifest.write(FOLDER / "m.csv", [manifest.Clip(**clip, frames=0, first=2, last=9, apex=4)])
    _file("a.mp4", b"")
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["Subject", "Filename", "ApexFrame"])
    book.active.append([1, "EP02_01f", 59])
    book.save(file)
    rows = b"a.mp4,s1,negative,30,3,5,9\na.mp4,s2,positive,,,,\n"
    return [
        b"m" + (FOLDER / "m.csv").read_bytes(),
        b"fclip_id,subject,label,fold\nc1,s,negative,s\nc2,t,negative,t\n",
        b"tpath,subject,label,fps,onset,apex,offset\n" + rows,
        b"x" + file.getvalue(),
        b"cSubject;Filename;ApexFrame\n1;EP02_01f;59\n2;EP03_02;/\n",
        b"c" + 'sep=|\nSubject|Filename|ApexFrame\n="01"|高兴|5.0\n'.encode("gb18030"),
        b"c" + "Subject\tFilename\tApexFrame\n1\tEP02\t\n".encode("utf-16"),
    ]


def _name_seeds() -> list[bytes]:
    pairs = ("Anna\0Bo", "s1\0s1\u200b", "NA\0null", "-3\0{x}", "高兴\0<b>|$x$", "\u00c4\0A\u0308")
    return [pair.encode() for pair in pairs]


def _weight_seeds() -> list[bytes]:
    arrays = {"a.weight": np.ones((2, 3), "f4"), "b": np.arange(4.0)}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    stored, zipped, torched = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(zipped, **arrays)
    torch.save(tensors, torched)
    with h5py.File(stored, "w") as file:
        file["conv/conv/kernel:0"] = arrays["a.weight"]
    contents = [
        *(pickle.dumps(arrays, 2), torched.getvalue(), zipped.getvalue(), stored.getvalue()),
        save(tensors),
    ]
    return [bytes([kind]) + content for kind, content in enumerate(contents)]


def _cache_seeds() -> list[bytes]:
    found = []
    for kind, frame in (
        ("faces", np.zeros((3, 4, 4, 3), np.uint8)),
        ("features", np.ones((3, 2, 1, 1), "f2")),
    ):
        path = FOLDER / f"{kind}.h5"
        with cache.create(path, kind, cache.Provenance()) as out, out.clip("c", fps=9.0) as clip:
            clip.append(frame, frame=np.arange(3), time=np.arange(3.0))
        found.append(path.read_bytes())
    return found


def _image_seeds() -> list[bytes]:
    picture = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    deep = picture.astype(np.uint16) * 257
    kinds = (".png", ".jpg", ".bmp", ".tif", ".webp")
    found = [cv2.imencode(suffix, picture)[1] for suffix in kinds]
    return [content.tobytes() for content in (*found, cv2.imencode(".png", deep)[1])]


def _video_seeds() -> list[bytes]:
    found = []
    for name, codec in (
        ("a.mkv", "ffv1"),
        ("a.mp4", "libx264"),
        ("a.avi", "mjpeg"),
        ("a.flv", "flv"),
    ):
        with av.open(str(FOLDER / name), "w") as container:
            stream = container.add_stream(codec, rate=30)
            stream.width, stream.height = 32, 24
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for number in range(4):
                picture = np.full((24, 32, 3), 20 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        found.append((FOLDER / name).read_bytes())
    return found


def _time_seeds() -> list[bytes]:
    even, gap = np.full(24, 33), np.array([33, 33, 34] * 4 + [100] + [33, 33, 34] * 4)
    return [
        *(
            bytes([0, 29, kind]) + steps.astype("<u2").tobytes()
            for kind in (0, 1)
            for steps in (even, gap)
        ),
        bytes([1, 29, 0xC0]) + (np.arange(24) * 3000 + 2**40).astype("<i8").tobytes(),
        bytes([0, 29, 32]) + np.full(24, 40).astype("<u2").tobytes(),
    ]


SEEDS = {
    "config": _config_seeds,
    "inline": _inline_seeds,
    "tables": _table_seeds,
    "names": _name_seeds,
    "own_tables": _name_seeds,
    "weights": _weight_seeds,
    "caches": _cache_seeds,
    "images": _image_seeds,
    "videos": _video_seeds,
    "times": _time_seeds,
}
