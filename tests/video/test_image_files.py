"""Still images: the decoder is the judge; what ends early is refused, what is odd is read."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from footage import texture
from microexpr import MAX_PIXELS
from microexpr.errors import DataError, MicroexprWarning
from microexpr.video import picture as images
from microexpr.video.picture import image_pictures, is_image
from microexpr.video.sources import open_sources
from microexpr.video.suffixes import IMAGES, inside, is_rubbish, list_images, matching

PIXELS = np.stack([texture(60, 80, seed=k) for k in range(3)], axis=2).astype(np.uint8)


def stored(kind: str, mode: str = "RGB", **options) -> bytes:
    content = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(content, kind, **options)
    return content.getvalue()


def kinds() -> dict[str, bytes]:
    """Return the same picture in what cameras and programs write."""
    bgr = PIXELS[..., ::-1]
    found = {f"OpenCV's {s}": cv2.imencode(s, bgr)[1].tobytes() for s in IMAGES if s != ".jpeg"}
    found |= {f"16 bit {s}": cv2.imencode(s, bgr.astype(np.uint16) * 257)[1].tobytes()
              for s in (".png", ".tif")}  # fmt: skip
    found |= {f"{mode} png": stored("PNG", mode) for mode in ("P", "L", "RGBA", "LA", "1")}
    found |= {f"{mode} bmp": stored("BMP", mode) for mode in ("RGB", "P", "L", "1")}
    found |= {f"{mode} jpg": stored("JPEG", mode) for mode in ("RGB", "L", "CMYK")}
    found["progressive jpg"] = stored("JPEG", progressive=True)
    found["jpg with restart markers"] = stored("JPEG", restart_marker_rows=1)
    found["interlaced webp"] = stored("WEBP", lossless=True)
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        found[f"{compression} tif"] = stored("TIFF", compression=compression)
    return found


def oddities() -> dict[str, bytes]:
    """Return what is legal, or harmless, and was refused."""
    bmp, jpg, png = stored("BMP"), stored("JPEG"), stored("PNG")
    tables, scan = jpg.index(b"\xff\xdb"), jpg.index(b"\xff\xda")
    thumbnail = b"Exif\0\0" + jpg
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    comment = b"\xff\xfe\0\x06\xff\xd9\xff\xda"
    text = b"tEXt" + b"Comment\0IEND"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return {
        "BMP, its size too large": bmp[:2] + (10**9).to_bytes(4, "little") + bmp[6:],
        "BMP, its size too small": bmp[:2] + (60).to_bytes(4, "little") + bmp[6:],
        "BMP, its size 0": bmp[:2] + bytes(4) + bmp[6:],
        "BMP, no size of the picture": bmp[:34] + bytes(4) + bmp[38:],
        "JPEG, fill bytes before a table": jpg[:tables] + b"\xff\xff\xff" + jpg[tables:],
        "JPEG, fill bytes before the scan": jpg[:scan] + b"\xff" * 7 + jpg[scan:],
        "JPEG, fill bytes before the end": jpg[:-2] + b"\xff\xff" + jpg[-2:],
        "JPEG, a thumbnail": jpg[:2] + segment + jpg[2:],
        "JPEG, an end within a comment": jpg[:2] + comment + jpg[2:],
        "JPEG, text behind its end": jpg + b"written by some camera",
        "BMP, its lines from the top": bmp[:22]
        + struct.pack("<i", -60)
        + bmp[26:54]
        + b"".join(bmp[54 + 240 * k : 294 + 240 * k] for k in reversed(range(60))),
        "JPEG, a strange segment": jpg[:2] + b"\xff\xed\0\x09Photo\xff\xd8" + jpg[2:],
        "PNG, a wrong checksum of a comment": png[:33] + chunk[:-1] + b"?" + png[33:],
        "PNG, text behind its end": png + b"written by some camera",
        "PNG, the word IEND in a comment": png[:33] + chunk + png[33:],
    }


def read(path, policy="strict"):
    return [picture.rgb() for picture in image_pictures([(7, path)], policy)]


@pytest.mark.parametrize("name", kinds())
def test_every_kind_is_read_and_its_cut_copies_are_refused(tmp_path, name):
    content, path = kinds()[name], tmp_path / f"image1.{name[-3:]}"
    path.write_bytes(content)
    (rgb,), (lenient,) = read(path), read(path, "lenient")
    assert rgb.shape == PIXELS.shape
    assert lenient.dtype == rgb.dtype == np.uint8
    np.testing.assert_array_equal(lenient, rgb)
    if name.startswith("16 bit"):
        np.testing.assert_array_equal(rgb, PIXELS)
    if not name.startswith("1 "):
        assert np.corrcoef(rgb[..., 1].ravel(), PIXELS[..., 1].ravel())[0, 1] > 0.75
    for share in (0.0, 0.05, 0.3, 0.55, 0.8, 0.97):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(DataError, match=f"frame 7: {path} cannot be decoded: it ends early"):
            read(path)
        with pytest.raises(DataError, match="cannot be decoded: it ends early"):
            read(path, "lenient")  # the only one


@pytest.mark.parametrize("name", oddities())
def test_oddities_are_read(tmp_path, name):
    path = tmp_path / "image1.bmp"
    path.write_bytes(oddities()[name])
    (rgb,) = read(path)
    assert np.corrcoef(rgb.ravel(), PIXELS.ravel())[0, 1] > 0.95
    path.write_bytes(oddities()[name][: len(stored(name[:4].strip(", "))) // 2])
    with pytest.raises(DataError, match="ends early"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"no image", b"\x89PNG", b"RIFF", b"\0" * 64, b"%PDF-1.4 and so on", b"PK\3\4" * 9],
)
def test_what_is_no_image_is_known_by_its_first_bytes(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    assert not is_image(tmp_path / "x.png")
    (tmp_path / "x.png").write_bytes(stored("JPEG"))  # whatever its name says
    assert is_image(tmp_path / "x.png")


def test_lenient_goes_on_and_says_so(tmp_path):
    for number in range(1, 6):
        (tmp_path / f"image{number}.png").write_bytes(stored("PNG"))
    (tmp_path / "image3.png").write_bytes(stored("PNG")[:999])
    with pytest.raises(DataError, match=r"frame 3: .*image3.png cannot be decoded"):
        list(image_pictures(list_images(tmp_path), "strict"))
    with pytest.warns(MicroexprWarning, match="1 images are left out, the first: .*image3.png"):
        found = list(image_pictures(list_images(tmp_path), "lenient"))
    assert [picture.number for picture in found] == [1, 2, 4, 5]


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few hundred bytes that states any size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(99))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
              for c in (head, body, b"IEND")]  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def claiming(kind: str, side: int) -> bytes:
    """Return a small file whose header states a large picture."""
    if kind == "png":
        return bomb(side, side)
    content = bytearray(stored({"jpg": "JPEG"}.get(kind, kind.upper())))
    if kind == "bmp":
        content[18:26] = struct.pack("<ii", side, side)
    elif kind == "jpg":
        place = content.index(b"\xff\xc0")
        content[place + 5 : place + 9] = struct.pack(">HH", side, side)
    else:
        place = content.index(b"\x9d\x01\x2a")
        content[place + 3 : place + 7] = struct.pack("<HH", side, side)
    return bytes(content)


LIMITED = """
import resource, sys
from pathlib import Path
from microexpr.errors import DataError
from microexpr.video.picture import image_pictures

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sorted(Path(sys.argv[1]).iterdir()):
    for policy in ("strict", "lenient"):
        try:
            print(path.name, len(list(image_pictures([(1, path)], policy))))
        except DataError as error:
            print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_what_is_too_large_is_refused_before_it_is_decoded(tmp_path):
    """In a process of its own: OpenCV looks its limit up once, when it is imported."""
    for kind in ("png", "bmp", "jpg", "webp"):
        for side in (9_000, 16_000, 30_000, 50_000):
            if (kind, side) not in {("webp", 30_000), ("webp", 50_000)}:  # more than 14 bits
                (tmp_path / f"{side}.{kind}").write_bytes(claiming(kind, side))
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    *lines, grown = found.stdout.splitlines()
    assert len(lines) == 2 * 14
    assert all("has more than 67108864 pixels" in line for line in lines), lines
    assert int(grown) < 50_000  # KiB


def test_an_image_file_of_a_terabyte(tmp_path):
    path = tmp_path / "image1.bmp"
    path.write_bytes(stored("BMP"))
    os.truncate(path, 2**30)  # takes no room
    with pytest.raises(DataError, match="image1.bmp has more than 512 MiB"):
        read(path)
    assert MAX_PIXELS * 6 < images.MAX_BYTES  # the largest picture, uncompressed


def test_what_is_no_regular_file_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "image1.png")
    (tmp_path / "image2.png").mkdir()
    (tmp_path / "image3.png").symlink_to("/dev/zero")
    for number, kind in ((1, "a pipe"), (2, "a folder"), (3, "a device")):
        with pytest.raises(DataError, match=f"image{number}.png is {kind}, not a regular file"):
            read(tmp_path / f"image{number}.png")


RUBBISH = [
    "._image1.png", ".AppleDouble", "@eaDir", "@Recycle", "__MACOSX", "Thumbs.db",
    "ehthumbs_vista.db", "desktop.ini", "Desktop.ini", "$RECYCLE.BIN", "lost+found", "#recycle",
    "~$codes.xlsx", ".DS_Store", "System Volume Information", ".Trash-1000", ".directory",
]  # fmt: skip
NOT_RUBBISH = ["s1", "happiness", "$1", "#1", "__1", "lost", "~1", "Desktop", "_s1", "thumbs", "-"]


def test_one_rule_for_rubbish(tmp_path):
    assert all(is_rubbish(name) for name in RUBBISH)
    assert not any(is_rubbish(name) for name in NOT_RUBBISH)
    for name in RUBBISH:
        (tmp_path / name).mkdir()
    (tmp_path / "@eaDir/image1.png").write_bytes(stored("PNG"))
    for number in (1, 2):
        (tmp_path / f"image{number}.png").write_bytes(stored("PNG"))
    assert [path.name for path in inside(tmp_path)] == ["image1.png", "image2.png"]
    assert [number for number, _ in list_images(tmp_path)] == [1, 2]
    assert [p.name for p in matching(str(tmp_path / "*"))] == ["image1.png", "image2.png"]
    assert [p.name for p in matching(str(tmp_path / "**/*.png"))] == ["image1.png", "image2.png"]


@pytest.mark.parametrize("suffix", [*IMAGES, ".TIF", ".Png"])
def test_one_list_of_suffixes(tmp_path, suffix):
    for number in (1, 2):
        kind = ".png" if suffix == ".Png" else suffix.lower()
        path = tmp_path / f"clip/image{number}{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cv2.imencode(kind, PIXELS[..., ::-1])[1].tobytes())
    assert len(list_images(tmp_path / "clip")) == 2
    (source,) = open_sources(str(tmp_path / "clip"), fps=30.0)
    assert len(list(source.frames())) == 2
