"""Feature mode: codes bit for bit, true times, whatever the format; nothing wrong goes unsaid."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from footage import FPS, moving, swing, texture, write_images, write_video
from microexpr.errors import ConfigError, DataError, MicroexprWarning
from microexpr.video.sources import open_sources, video_source


def ramp(frames: int = 5, height: int = 34, width: int = 50) -> list[np.ndarray]:
    """Frames of different codes at every pixel and time, none of them rounded."""
    codes = 16 + np.arange(height * width).reshape(height, width) % 200
    return [np.roll(codes, 3 * k) + 0.25 * k for k in range(frames)]


@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [
        ("yuv420p", 8), ("yuv422p", 8), ("yuv444p", 8), ("gray", 8),
        ("yuv420p10le", 10), ("yuv422p10le", 10), ("gray10le", 10), ("yuv444p12le", 12),
        ("gray16le", 16),
    ],
)  # fmt: skip
def test_luma_codes_come_bit_for_bit(tmp_path, pixel_format, bits):
    frames = ramp()
    path = write_video(tmp_path / "v.mkv", frames, pixel_format=pixel_format, codec="ffv1")
    source = video_source(path)
    read = list(source.frames())
    assert source.bits == bits
    for written, frame in zip(frames, read, strict=True):
        np.testing.assert_array_equal(frame.luma, np.rint(written * 2 ** (bits - 8)))
        assert frame.chroma.shape == (2, 17, 25)
        if pixel_format.startswith("gray"):
            assert (frame.chroma == 128).all()


def test_chroma_codes_come_bit_for_bit(tmp_path):
    path = write_video(tmp_path / "v.mkv", ramp(1), codec="ffv1")
    frame = next(video_source(path).frames())
    np.testing.assert_array_equal(
        frame.chroma[0], np.tile(np.rint(np.linspace(90, 170, 25)), (17, 1))
    )


def test_full_range_codes_are_not_stretched(tmp_path):
    path = write_video(tmp_path / "v.mp4", ramp(), color_range=2)
    source = video_source(path)
    assert source.colour.full_range is True
    np.testing.assert_array_equal(next(source.frames()).luma, ramp()[0])


def test_odd_sizes_keep_every_pixel(tmp_path):
    frames = ramp(height=35, width=51)
    source = video_source(write_video(tmp_path / "v.mkv", frames, codec="ffv1"))
    assert (source.height, source.width) == (35, 51)
    frame = next(source.frames())
    np.testing.assert_array_equal(frame.luma, frames[0])
    assert frame.chroma.shape == (2, 18, 26)


def test_times_are_those_of_the_file(tmp_path):
    pts = [0, 20, 41, 100, 120]
    source = video_source(write_video(tmp_path / "v.mp4", ramp(), pts=pts))
    wanted = [t * Fraction(1, 600) for t in pts]
    assert [t * source.time_base for t in source.pts] == wanted
    assert [f.pts * source.time_base for f in source.frames()] == wanted


def test_times_start_with_the_container(tmp_path):
    options = {"crf": "1"}  # with B-frames the first picture comes after the first packet
    path = write_video(tmp_path / "v.ts", ramp(), options=options)
    with av.open(str(path)) as container:
        assert container.start_time > 0
    source = video_source(path)
    assert [float(t * source.time_base) for t in source.pts] == pytest.approx(
        np.arange(5) / FPS, abs=1e-4
    )


@pytest.mark.parametrize("name", ["v.avi", "v.h264"])
def test_frames_without_times_are_counted(tmp_path, name):
    frames = [np.full((34, 50), 20.0 + 10 * k) for k in range(12)]
    base = Fraction(1, FPS)
    path = write_video(tmp_path / name, frames, options={}, time_base=base, pts=range(12))
    source = video_source(path)
    read = list(source.frames())
    assert len(read) == len(source.pts) == 12
    np.testing.assert_allclose([f.luma.mean() for f in read], 20 + 10 * np.arange(12), atol=3)
    np.testing.assert_allclose(
        [float(t * source.time_base) for t in source.pts], np.arange(12) / FPS
    )


def test_a_phone_held_upright_gives_upright_frames(tmp_path):
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 50, 34, "yuv420p"
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write rotations")
        stream.set_display_rotation(90)
        picture = av.VideoFrame(50, 34, "yuv420p")
        luma = np.full((34, 64), 16, np.uint8)
        luma[:, 45:50] = 200  # at the right edge
        picture.planes[0].update(
            np.ascontiguousarray(luma[:, : picture.planes[0].line_size]).tobytes()
        )
        for plane in picture.planes[1:]:
            plane.update(bytes([128]) * plane.buffer_size)
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    source = video_source(path)
    assert (source.height, source.width) == (50, 34)
    luma = next(source.frames()).luma
    assert luma[:5].mean() == 200  # 90 degrees counterclockwise: right goes up
    assert luma[5:].mean() == 16


def test_a_packet_that_cannot_be_decoded_is_missed_and_said(tmp_path):
    path = write_video(tmp_path / "v.mov", ramp(6), codec="png", pixel_format="gray")
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(video=0) if p.size]
    content = path.read_bytes()
    path.write_bytes(content.replace(packets[3], bytes(len(packets[3]))))
    source = video_source(path)
    with pytest.warns(MicroexprWarning, match=r"1 packets of v.mov cannot be decoded"):
        read = list(source.frames())
    assert len(source.pts) == 6
    assert [f.pts for f in read] == [source.pts[k] for k in (0, 1, 2, 4, 5)]


@pytest.mark.parametrize("bits", [8, 16])
def test_images_in_the_order_of_their_numbers(tmp_path, bits):
    values = [np.full((20, 30), 10.0 + 0.5 * k) for k in range(4)]
    folder = write_images(tmp_path / "a", values, bits=bits, first=98)  # 98, 99, 100, 101
    (source,) = open_sources(str(folder), fps=100.0)
    assert [float(t * source.time_base) for t in source.pts] == [0, 0.01, 0.02, 0.03]
    seen = [frame.luma.mean() / 256 for frame in source.frames()]
    exact = np.array([10, 10.5, 11, 11.5]) if bits == 16 else np.rint([10, 10.5, 11, 11.5])
    np.testing.assert_allclose(seen, 16 + 219 * exact / 255, atol=1 / 200)


def test_images_keep_their_colour(tmp_path):
    (tmp_path / "a").mkdir()
    bgr = np.zeros((20, 30, 3), np.uint8)
    bgr[:] = (40, 90, 200)
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"a/i{number}.bmp"), bgr)
    frame = next(open_sources(str(tmp_path / "a"), fps=25.0)[0].frames())
    luma, blue, red = frame.luma8()[0, 0], *frame.chroma[:, 0, 0]
    y, cb, cr = (float(v) for v in (luma, blue, red))
    back = [  # ITU-R BT.601
        1.164 * (y - 16) + 1.596 * (cr - 128),
        1.164 * (y - 16) - 0.392 * (cb - 128) - 0.813 * (cr - 128),
        1.164 * (y - 16) + 2.017 * (cb - 128),
    ]
    np.testing.assert_allclose(back, (200, 90, 40), atol=2)


def test_globs(tmp_path):
    frames = moving(texture(32, 32), swing(3, 0.3))
    write_images(tmp_path / "a", frames)
    cv2.imwrite(str(tmp_path / "a/other1.png"), np.zeros((4, 4), np.uint8))
    for name in ("one", "two"):
        write_video(tmp_path / f"{name}.mp4", frames)
    (images,) = open_sources(str(tmp_path / "a/image*.png"), fps=50.0)
    assert (len(images.pts), images.name) == (3, "a")
    videos = open_sources(str(tmp_path / "*.mp4"))
    assert [v.name for v in videos] == ["one", "two"]
    (tmp_path / "[odd] name.mp4").write_bytes((tmp_path / "one.mp4").read_bytes())
    assert open_sources(str(tmp_path / "[odd] name.mp4"))[0].name == "[odd] name"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("gone.mp4", DataError, "gone.mp4 does not exist"),
        ("text.mp4", DataError, "text.mp4 cannot be opened as a video"),
        ("sound.m4a", DataError, "sound.m4a has no video stream"),
        ("empty", DataError, "folder .*empty holds no image"),
        ("empty/*", DataError, "nothing matches"),
        ("images/image1.png", DataError, "is a single image"),
        ("mixed/*", DataError, "matches images and other files, such as b.txt"),
        ("images", ConfigError, "images carry no time; give the rate of the camera with --fps"),
        ("unnumbered", DataError, "a.png has no frame number"),
        ("twice", DataError, "frame 1 exists twice"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, error, message):
    (tmp_path / "text.mp4").write_text("no video at all")
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    for folder in ("empty", "mixed", "unnumbered", "twice"):
        (tmp_path / folder).mkdir()
    image = np.zeros((8, 8), np.uint8)
    write_images(tmp_path / "images", [image] * 2)
    (tmp_path / "mixed/b.txt").write_text("")
    for path in ("mixed/a1.png", "unnumbered/a.png", "twice/a1.png", "twice/b01.png"):
        cv2.imwrite(str(tmp_path / path), image)
    fps = 30.0 if name in ("unnumbered", "twice") else None
    with pytest.raises(error, match=message):
        open_sources(str(tmp_path / name), fps=fps)


def test_images_of_different_sizes_are_named(tmp_path):
    folder = write_images(tmp_path / "a", [np.zeros((8, 8))] * 3)
    cv2.imwrite(str(folder / "image2.png"), np.zeros((8, 9), np.uint8))
    with pytest.raises(DataError, match=r"frame 2 is 9x8 px, the frames before are 8x8"):
        list(open_sources(str(folder), fps=30.0)[0].frames())
    (folder / "image2.png").write_bytes(b"")
    with pytest.warns(MicroexprWarning, match="1 images are left out, .*image2.png cannot be dec"):
        read = list(open_sources(str(folder), fps=30.0)[0].frames())
    assert [frame.pts for frame in read] == [0, 2]


def test_frames_at_the_same_time_are_left_out_with_a_notice(tmp_path):
    plain = write_video(tmp_path / "plain.mkv", ramp(9), codec="ffv1")
    with av.open(str(plain)) as read, av.open(str(tmp_path / "v.mkv"), "w") as copy:
        new = copy.add_stream_from_template(read.streams.video[0])
        packets = [p for p in read.demux(read.streams.video[0]) if p.size]
        packets[4].pts = packets[4].dts = packets[3].pts
        for packet in packets:
            packet.stream = new
            copy.mux(packet)
    source = video_source(tmp_path / "v.mkv")
    with pytest.warns(MicroexprWarning, match="1 frames have the time stamp of the frame before"):
        frames = list(source.frames())
    assert [frame.pts for frame in frames] == list(source.pts)
    axis = source.axis()
    assert (len(frames), len(axis), axis.missing) == (8, 9, 1)


def test_time_stamps_that_run_backwards_are_refused(tmp_path):
    """Two files joined byte by byte."""
    options = {"codec": "mpeg2video", "options": {}, "time_base": Fraction(1, 30)}
    content = write_video(tmp_path / "v.mpg", ramp(12, 48, 64), **options).read_bytes()
    (tmp_path / "v.mpg").write_bytes(content + content)
    source = video_source(tmp_path / "v.mpg")
    with pytest.raises(DataError, match="v.mpg: the time stamps run backwards at frame 12"):
        list(source.frames())
