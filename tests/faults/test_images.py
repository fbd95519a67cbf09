"""Folders of images with frames that are damaged, lost, doubled, or of another kind."""

from __future__ import annotations

import csv
import io
import json
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from clips import manifest_of
from PIL import Image

from microexpr.cache import open_cache

SECTION = "Images"
CONTENT = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)


def folder_of(root, count=4, suffix=".png"):
    folder = root / "clip"
    folder.mkdir()
    for number in range(1, count + 1):
        cv2.imwrite(str(folder / f"image{number}{suffix}"), np.roll(CONTENT, number, axis=1))
    return folder


def clip_of(root, count=4):
    return manifest_of(root, "clip", "images", frames=count, first=1, last=count, fps=100.0)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp"])
@pytest.mark.parametrize("share", [0.5, 0.98])
def test_a_cut_image(tmp_path, fails, suffix, share):
    path = folder_of(tmp_path, suffix=suffix) / f"image3{suffix}"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    says = f"clip s1_a: frame 3: .*image3{suffix} cannot be decoded"
    row = share == 0.5
    fails(SECTION, f"{suffix[1:]} cut off", *clip_of(tmp_path), says=says, row=row)


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        ("empty image", b""),
        ("text renamed to .png", b"not an image"),
        ("encrypted image", np.random.default_rng(2).bytes(3000)),
    ],
)
def test_files_that_are_no_image(tmp_path, fails, fault, content):
    (folder_of(tmp_path) / "image2.png").write_bytes(content)
    says = "clip s1_a: frame 2: .*image2.png cannot be decoded"
    fails(SECTION, fault, *clip_of(tmp_path), says=says)


def odd_headers() -> dict[str, bytes]:
    """Return what is legal, or harmless: tests/video/test_image_files.py has more."""
    bmp, jpg = (cv2.imencode(kind, CONTENT)[1].tobytes() for kind in (".bmp", ".jpg"))
    tables = jpg.index(b"\xff\xdb")
    return {
        "bmp with a wrong size in its header": bmp[:2] + (10**9).to_bytes(4, "little") + bmp[6:],
        "jpg with fill bytes before a marker": jpg[:tables] + b"\xff\xff" + jpg[tables:],
    }


@pytest.mark.parametrize("fault", odd_headers())
def test_an_odd_header_is_no_damage(tmp_path, command, fault_row, fault):
    (folder_of(tmp_path, 2) / "image2.png").write_bytes(odd_headers()[fault])
    assert command(*clip_of(tmp_path, 2))[0] == 0
    fault_row(SECTION, fault, "none: the decoder is the judge", 0)


def test_a_picture_that_is_too_large(tmp_path, fails):
    head = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
              for c in (head, b"IDAT" + zlib.compress(bytes(9)), b"IEND")]  # fmt: skip
    (folder_of(tmp_path) / "image2.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    says = "clip s1_a: frame 2: .*image2.png has more than 67108864 pixels"
    fails(SECTION, "png of 50000 x 50000 pixels, 300 bytes", *clip_of(tmp_path), says=says)


def test_an_image_that_is_no_regular_file(tmp_path, fails):
    folder = folder_of(tmp_path)
    (folder / "image2.png").unlink()
    os.mkfifo(folder / "image2.png")
    says = "clip s1_a: frame 2: .*image2.png is a pipe, not a regular file"
    fails(SECTION, "a pipe as image", *clip_of(tmp_path), says=says)


def test_what_programs_leave_in_folders_is_passed_over(tmp_path, command, fault_row):
    """By one rule in every listing: here in that of clips, and within a clip."""
    folder = tmp_path / "data/negative/s1_a"
    folder.mkdir(parents=True)
    for number in range(1, 13):
        cv2.imwrite(str(folder / f"image{number}.tif"), np.roll(CONTENT, number, axis=1))
    for place in (tmp_path / "data", tmp_path / "data/negative", folder):
        for name in ("@eaDir", "__MACOSX", "$RECYCLE.BIN", "lost+found", ".AppleDouble"):
            (place / name / "s9_a").mkdir(parents=True)
        for name in ("Thumbs.db", "desktop.ini", "._image1.tif", ".DS_Store"):
            (place / name).write_bytes(b"rubbish")
    settings = {"kind": "folder", "root": str(tmp_path / "data"), "fps": 100}
    settings = json.dumps({"data": settings, "windows": {"n": [7]}})
    code, lines = command("stage", "index", "--manifest", tmp_path / "m.csv", "--config", settings)
    assert code == 0, lines
    rows = list(csv.DictReader((tmp_path / "m.csv").open(newline="")))
    assert [(row["clip_id"], row["frames"]) for row in rows] == [("s1_a", "12")]
    names = "@eaDir, __MACOSX, Thumbs.db and the like in a data set"
    fault_row(SECTION, names, "none: passed over", code)


def test_lost_doubled_and_other_frames(tmp_path, fails):
    folder = folder_of(tmp_path)
    (folder / "image2.png").rename(tmp_path / "kept.png")
    says = "holds 3 images 1-4, the manifest says 4 images 1-4"
    fails(SECTION, "frame lost after the index", *clip_of(tmp_path), says=says)
    (tmp_path / "kept.png").rename(folder / "image2.png")
    (folder / "image02.png").write_bytes((folder / "image2.png").read_bytes())
    says = "frame 2 exists twice"
    fails(SECTION, "two files for one frame", *clip_of(tmp_path), says=says)
    (folder / "image02.png").unlink()
    cv2.imwrite(str(folder / "image4.png"), CONTENT[:20])
    says = "clip s1_a: frame 4 is 60x20 px, the frames before are 60x40"
    fails(SECTION, "frame of another size", *clip_of(tmp_path), says=says)


def test_a_number_that_no_cache_can_hold(tmp_path, fails):
    folder = folder_of(tmp_path)
    (folder / "image3.png").rename(folder / "image1605029384123.png")
    says = "clip s1_a: .*clip: image image1605029384123.png has a number above 2147483647"
    fails(SECTION, "times instead of frame numbers", *clip_of(tmp_path), says=says)


def test_frames_that_repeat_are_told(tmp_path, command, fault_row, caplog):
    folder = folder_of(tmp_path)
    (folder / "image3.png").write_bytes((folder / "image2.png").read_bytes())
    with caplog.at_level("INFO"):
        assert command(*clip_of(tmp_path))[0] == 0
    message = "clip s1_a: 1 of 4 frames equal the one before, the first is frame 3"
    assert message in caplog.text
    fault_row(SECTION, "the same picture twice", f"{message}: copied, or the camera stood still", 0)


def test_gaps_are_found_by_the_index_before_anything_is_decoded(tmp_path, command, fault_row):
    folder = folder_of(tmp_path)
    (folder / "image2.png").unlink()
    (tmp_path / "clips.csv").write_text("path,subject,label,fps\nclip,s1,negative,100\n")
    table = {"kind": "video", "root": str(tmp_path), "table": str(tmp_path / "clips.csv")}
    settings = json.dumps({"data": table, "windows": {"n": [3]}})
    code, lines = command("stage", "index", "--manifest", tmp_path / "m.csv", "--config", settings)
    assert code == 2
    assert "clip s1_clip: folder clip: no image 2 of 1-4 (missing_frames)" in lines[-2]
    assert "data.allow does not name: missing_frames 1" in lines[-1]
    assert not (tmp_path / "m.csv").exists()
    rows = list(csv.DictReader((tmp_path / "manifest_report.csv").open(newline="")))
    assert [row["problem"] for row in rows] == ["missing_frames", "resampled"]
    fault_row(SECTION, "frames missing in a clip", lines[-2].partition(": ")[2], code)


def variants(tmp_path) -> dict[str, bytes]:
    """Store the same picture in other ways."""
    found = {}
    picture = Image.fromarray(cv2.resize(CONTENT, (60, 40), interpolation=cv2.INTER_AREA))
    smooth = np.array(picture.resize((6, 4)).resize((60, 40)))

    def stored(name, image, kind, **options):
        file = io.BytesIO()
        image.save(file, kind, **options)
        found[name] = file.getvalue()

    upright = Image.fromarray(smooth)
    turned = upright.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right side: to be turned a quarter clockwise
    stored("plain", upright, "PNG")
    stored("turned", turned, "JPEG", quality=98, subsampling=0, exif=exif)
    stored("CMYK", upright.convert("CMYK"), "JPEG", quality=98, subsampling=0)
    deep = cv2.cvtColor(smooth, cv2.COLOR_RGB2BGR).astype(np.uint16) * 257
    found["16 bit"] = cv2.imencode(".png", deep)[1].tobytes()
    return found


def test_pictures_stored_in_other_ways_are_the_same_pictures(tmp_path, command, fault_row):
    (tmp_path / "clip").mkdir()
    stored = variants(tmp_path)
    for number, content in enumerate(stored.values(), 1):
        (tmp_path / f"clip/i{number}.jpg").write_bytes(content)
    assert command(*clip_of(tmp_path, len(stored)))[0] == 0
    with open_cache(tmp_path / "s1.h5") as cache:
        frames = dict(zip(stored, cache["s1_a"].data[:].astype(int), strict=True))
    for name, tolerance in (("turned", 3), ("CMYK", 4), ("16 bit", 0)):
        assert np.abs(frames[name] - frames["plain"]).mean() <= tolerance, name
        what = "rotated by metadata (EXIF)" if name == "turned" else f"{name} frame"
        fault_row(SECTION, what, "none: decoded to upright 8-bit RGB", 0)


def test_a_grey_frame_is_grey_in_all_channels(tmp_path, command, fault_row):
    folder = folder_of(tmp_path, 2)
    cv2.imwrite(str(folder / "image2.png"), CONTENT[..., 0])
    assert command(*clip_of(tmp_path, 2))[0] == 0
    with open_cache(tmp_path / "s1.h5") as cache:
        grey = cache["s1_a"].data[1]
    assert (grey == CONTENT[..., :1]).all()
    fault_row(SECTION, "grey frame", "none: three equal channels", 0)
