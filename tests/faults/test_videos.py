"""Video files that are not what they seem: every frame comes, or the clip fails by name."""

from __future__ import annotations

import csv
import json
import os
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from clips import manifest_of

from footage import RATE_HZ, moving, planes, swing, texture, write_video
from microexpr.cache import open_cache

SECTION = "Videos"
FRAMES = 24
INTERLACED = 1 << 18 | 1 << 29  # of an encoder: fields, their transform and their motion


@pytest.fixture(scope="module")
def picture():
    return moving(texture(48, 64), swing(FRAMES, 1.0))


def cut(path, share=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def index_first(path):
    """Move the index of an mp4 to its start, where a cut leaves it."""
    target = path.with_name("first.mp4")
    options = {"movflags": "faststart"}
    with av.open(str(path)) as source, av.open(str(target), "w", options=options) as copy:
        stream = source.streams.video[0]
        new = copy.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = new
                copy.mux(packet)
    target.replace(path)


def test_a_cut_mp4_has_no_index(tmp_path, fails, picture):
    cut(write_video(tmp_path / "a.mp4", picture))
    says = "clip s1_a: .*a.mp4 cannot be opened as a video: the file is cut off"
    fails(SECTION, "mp4 cut off, index at its end", *manifest_of(tmp_path, "a.mp4"), says=says)


def test_a_cut_mp4_with_its_index_first(tmp_path, fails, picture):
    index_first(write_video(tmp_path / "a.mp4", picture))
    cut(tmp_path / "a.mp4")
    says = r"clip s1_a: .*a.mp4: frame \d+ cannot be decoded, the file is cut off"
    fails(SECTION, "mp4 cut off, index at its start", *manifest_of(tmp_path, "a.mp4"), says=says)


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_containers_that_only_end_early(tmp_path, fails, picture, name):
    """What used to look like a short clip."""
    if name == "a.mkv":
        write_video(tmp_path / name, picture)
    else:
        writer = cv2.VideoWriter(
            str(tmp_path / name), cv2.VideoWriter_fourcc(*"MJPG"), 30, (64, 48)
        )
        for frame in picture:
            writer.write(np.repeat(frame.astype(np.uint8)[..., None], 3, 2))
        writer.release()
    cut(tmp_path / name)
    ends = r"ends after frame \d+ at 0.\d+ s, the file is cut off|frame \d+ cannot be decoded"
    says = rf"clip s1_a: .*{name}: ({ends})"
    fails(SECTION, f"{name[2:]} cut off", *manifest_of(tmp_path, name), says=says)


@pytest.mark.parametrize("sound_s", [0.5, 3.0])
def test_a_cut_file_is_found_whatever_else_it_holds(tmp_path, fails, picture, sound_s):
    """With a matrix of containers and tracks in tests/video/test_whole_and_cut.py."""
    options = {"crf": "18", "g": "6"}
    write_video(tmp_path / "a.mkv", picture * 2, options=options, sound="aac", sound_s=sound_s)
    cut(tmp_path / "a.mkv")
    says = r"clip s1_a: .*a.mkv: ends after frame \d+ at \d.\d\d s, the file is cut off"
    about = manifest_of(tmp_path, "a.mkv")
    fails(SECTION, "mkv with sound cut off", *about, says=says, row=sound_s == 3.0)


def test_a_download_that_took_its_room_first(tmp_path, fails, picture):
    """The length is right, the rest is zeros."""
    options = {"crf": "18", "g": "6"}
    path = write_video(tmp_path / "a.mkv", picture * 2, options=options, sound="aac", sound_s=3.0)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(len(content) - half))
    says = r"ends after frame \d+ at .* before the end that its header states|is damaged"
    fails(SECTION, "download that is not complete", *manifest_of(tmp_path, "a.mkv"), says=says)


def test_a_codec_that_nobody_knows(tmp_path, fails, picture):
    path = write_video(tmp_path / "a.avi", picture, codec="mpeg4", options={})
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"QZX7"))
    says = "clip s1_a: .*a.avi has no video stream that can be decoded"
    fails(SECTION, "unknown codec", *manifest_of(tmp_path, "a.avi"), says=says)


def test_a_whole_file_that_starts_late(tmp_path, command, fault_row, picture):
    write_video(tmp_path / "a.mkv", picture, sound="aac", start_s=3600)
    assert command(*manifest_of(tmp_path, "a.mkv"))[0] == 0
    with open_cache(tmp_path / "s1.h5") as cache:
        assert len(cache["s1_a"]) == FRAMES
        assert cache["s1_a"]["time"][0] == 0
    fault_row(SECTION, "first picture after an hour", "none: times start at 0", 0)


@pytest.mark.parametrize("damage", ["zeros", "noise"])
def test_damage_in_the_middle(tmp_path, fails, damage):
    path = write_video(tmp_path / "a.mkv", moving(texture(96, 128), swing(40, 1.0)))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    noise = np.random.default_rng(0).integers(0, 256, 200, np.uint8).tobytes()
    content[middle : middle + 200] = bytes(200) if damage == "zeros" else noise
    path.write_bytes(content)
    says = r"clip s1_a: .*a.mkv: frame \d+ (is damaged|cannot be decoded)"
    fails(SECTION, f"200 bytes of {damage}", *manifest_of(tmp_path, "a.mkv"), says=says)


def test_damage_behind_the_clip_does_not_matter(tmp_path, command, picture):
    path = write_video(tmp_path / "a.mkv", picture)
    content = bytearray(path.read_bytes())
    content[-900:-600] = bytes(300)
    path.write_bytes(content)
    assert command(*manifest_of(tmp_path, "a.mkv"))[0] == 2
    assert command(*manifest_of(tmp_path, "a.mkv", first=2, last=9))[0] == 0


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        ("empty file", b""),
        ("text renamed to .mp4", b"Dear user, the video is on another disk.\n" * 20),
        ("encrypted (random bytes)", np.random.default_rng(1).bytes(20_000)),
    ],
)
def test_files_that_are_no_video(tmp_path, fails, fault, content):
    (tmp_path / "a.mp4").write_bytes(content)
    says = "clip s1_a: .*a.mp4 cannot be opened as a video"
    fails(SECTION, fault, *manifest_of(tmp_path, "a.mp4"), says=says)


def test_a_picture_renamed_to_a_video_is_one_frame(tmp_path, fails):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((48, 64, 3), 90, np.uint8))
    (tmp_path / "a.png").rename(tmp_path / "a.mp4")
    says = "clip s1_a: a clip of one frame has no frame rate"
    fails(SECTION, "picture renamed to .mp4", *manifest_of(tmp_path, "a.mp4"), says=says)


def test_sound_without_a_picture(tmp_path, fails):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, RATE_HZ // 4), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = RATE_HZ
        container.mux([*stream.encode(frame), *stream.encode(None)])
    says = "clip s1_a: .*a.mp4 has no video stream"
    fails(SECTION, "sound without a picture", *manifest_of(tmp_path, "a.mp4"), says=says)


def test_a_wrong_suffix_does_not_matter(tmp_path, command, fault_row, picture):
    write_video(tmp_path / "a.mp4", picture).rename(tmp_path / "a.avi")
    assert command(*manifest_of(tmp_path, "a.avi"))[0] == 0
    with open_cache(tmp_path / "s1.h5") as cache:
        assert len(cache["s1_a"]) == FRAMES
    fault_row(SECTION, "mp4 renamed to .avi", "none: read by its content", 0)


def test_a_phone_held_upright_gives_upright_frames(tmp_path, command, fault_row):
    """The file stores frames that lie on their side, and a matrix that turns them."""
    sideways = np.full((48, 64), 40.0)
    sideways[:, :16] = 220.0  # left; a quarter turn clockwise brings it to the top
    path = write_video(tmp_path / "a.mp4", [sideways] * 4)
    content = path.read_bytes()
    place = content.index(b"tkhd") + 4 + 40
    turn = [0, 0x10000, 0, -0x10000, 0, 0, 64 << 16, 0, 0x40000000]
    matrix = b"".join((value % 2**32).to_bytes(4, "big") for value in turn)
    path.write_bytes(content[:place] + matrix + content[place + 36 :])
    assert command(*manifest_of(tmp_path, "a.mp4"))[0] == 0
    with open_cache(tmp_path / "s1.h5") as cache:
        frame = cache["s1_a"].data[0]
    assert frame.shape == (64, 48, 3)
    assert frame[:14].mean() > 200
    assert frame[18:].mean() < 50
    fault_row(SECTION, "rotated by metadata", "none: the frames are turned upright", 0)


def test_a_mirrored_picture_and_oblong_pixels(tmp_path, command, fault_row):
    half = np.full((48, 64), 40.0)
    half[:, :16] = 220.0  # left
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        stream.set_display_rotation(0, hflip=True)
        for number in range(4):
            frame = planes(half, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert command(*manifest_of(tmp_path, "a.mp4"))[0] == 0
    with open_cache(tmp_path / "s1.h5") as cache:
        frame = cache["s1_a"].data[0]
    assert frame.shape == (48, 128, 3)
    assert frame[:, 100:].mean() > 200
    assert frame[:, :90].mean() < 50
    fault_row(SECTION, "mirrored by metadata, as of front cameras", "none: as a player shows it", 0)
    fault_row(SECTION, "pixels that are no squares", "none: the frames get square ones", 0)


def test_interlaced_pictures_are_told(tmp_path, command, fault_row, picture, caplog):
    options = {"x264-params": "tff=1", "qp": "0"}
    write_video(tmp_path / "a.mp4", picture, options=options, flags=INTERLACED)
    assert command(*manifest_of(tmp_path, "a.mp4"))[0] == 0
    message = "a.mp4: interlaced from frame 0 on; the top field of each frame is used"
    assert message in caplog.text
    (tmp_path / "clips.csv").write_text("path,subject,label\na.mp4,s1,negative\n")
    table = {"kind": "video", "root": str(tmp_path), "table": str(tmp_path / "clips.csv")}
    settings = json.dumps({"data": table, "windows": {"n": [3]}})
    assert command("stage", "index", "--manifest", tmp_path / "m.csv", "--config", settings)[0] == 0
    rows = list(csv.DictReader((tmp_path / "manifest_report.csv").open(newline="")))
    assert ("interlaced", message, "kept") in [
        (row["problem"], row["detail"], row["action"]) for row in rows
    ]
    fault_row(SECTION, "interlaced", f"{message} (manifest_report.csv: interlaced)", 0)


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        ("playlist renamed to .mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n"),
        ("list of files to join renamed to .mp4", "ffconcat version 1.0\nfile '{}'\n"),
    ],
)
def test_a_list_reaches_no_other_file(tmp_path, fails, picture, fault, content):
    write_video(tmp_path / "b.mp4", picture)
    (tmp_path / "a.mp4").write_text(content.format(tmp_path / "b.mp4"))
    says = "clip s1_a: .*a.mp4 cannot be opened as a video"
    fails(SECTION, fault, *manifest_of(tmp_path, "a.mp4"), says=says)


def test_a_video_that_is_no_regular_file(tmp_path, fails):
    os.mkfifo(tmp_path / "a.mp4")
    says = "clip s1_a: .*a.mp4 is a pipe, not a regular file"
    fails(SECTION, "a pipe as video", *manifest_of(tmp_path, "a.mp4"), says=says)
    (tmp_path / "a.mp4").unlink()
    (tmp_path / "a.mp4").symlink_to("/dev/zero")
    says = "clip s1_a: .*a.mp4 is a device, not a regular file"
    fails(SECTION, "a device as video", *manifest_of(tmp_path, "a.mp4"), says=says)


def test_people_who_look_at_the_result_get_what_is_there(tmp_path, command, fault_row, caplog):
    """What stops the pipeline is a notice of `microexpr magnify`."""
    path = write_video(tmp_path / "a.mkv", moving(texture(96, 128), swing(40, 1.0)))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content[: len(content) * 4 // 5])
    low = ("--method", "amm", "--passband", 1, 4)
    assert command("magnify", path, tmp_path / "out.mp4", *low)[0] == 0
    for said in ("packets of a.mkv cannot be decoded", "s, the file is cut off"):
        assert said in caplog.text
    row = "damaged and cut off, in microexpr magnify"
    fault_row(SECTION, row, "the same as warnings; the frames that are there are magnified", 0)


@pytest.mark.parametrize("frames", [1, 2])
def test_clips_of_one_and_two_frames(tmp_path, command, picture, frames):
    write_video(tmp_path / "a.mp4", picture[:frames])
    code, lines = command(*manifest_of(tmp_path, "a.mp4"))
    assert code == (2 if frames == 1 else 0)
    if frames == 1:
        assert "clip s1_a: a clip of one frame has no frame rate" in lines[-1]
    # With a rate of the user's, one frame is a clip.
    assert command(*manifest_of(tmp_path, "a.mp4", fps=30.0))[0] == 0
