"""A path is a file: no address, no list, nothing that never ends, nothing too large."""

from __future__ import annotations

import os
import resource
import struct
import threading
import zlib
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
import pytest
from PIL import Image

from footage import RATE_HZ, moving, swing, texture, write_video
from microexpr.errors import DataError
from microexpr.video import opening, reading
from microexpr.video.opening import as_file, opened
from microexpr.video.reading import video_pictures
from microexpr.video.sources import open_sources

FRAMES = 6


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", moving(texture(48, 64), swing(FRAMES, 1.0)))


@contextmanager
def server(content: bytes):
    """Serve a video on this machine; yield its address, and what was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}", asked
        finally:
            http.shutdown()
            thread.join()


def test_no_address_is_asked(tmp_path, clip, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with server(clip.read_bytes()) as (address, asked):
        with pytest.raises(DataError, match="does not exist"):
            open_sources(f"{address}/v.mp4")
        with pytest.raises(DataError, match="does not exist"), opened(opening.Path(address)):
            pass
        # Files whose names are addresses are files: of what they hold.
        place = tmp_path / f"{address}/v.mp4".replace("//", "/")
        place.parent.mkdir(parents=True)
        place.write_bytes(clip.read_bytes())
        relative = opening.Path(f"{address}/v.mp4")
        assert len(list(video_pictures(relative, "strict"))) == FRAMES
        for name, content in lists(f"{address}/v.mp4").items():
            (tmp_path / name).write_text(content)
            for policy in ("strict", "lenient"):
                with pytest.raises(DataError, match="cannot be opened as a video"):
                    list(video_pictures(tmp_path / name, policy))
        assert asked == []


@pytest.mark.parametrize(
    "name",
    ["concat:a.mp4|clip.mp4", "subfile,,start,0,end,9,,:clip.mp4", "file:clip.mp4", "data:,x",
     "crypto:clip.mp4", "async:clip.mp4", "-i.mp4", "a%03d.mp4", "pipe:0", "cache:clip.mp4",
     "a?b#c.mp4", "tee:x", "lavfi:testsrc", "\N{SNOWMAN} a.mp4"],
)  # fmt: skip
def test_names_that_look_like_protocols_are_names(tmp_path, clip, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        list(video_pictures(opening.Path(name), "strict"))
    (tmp_path / name).write_bytes(clip.read_bytes())
    assert len(list(video_pictures(opening.Path(name), "strict"))) == FRAMES
    assert len(open_sources(name)) == 1


def lists(target: str) -> dict[str, str]:
    """Return files that name another file."""
    return {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
        "a.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n",
        "a.ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "b.mp4": f"ffconcat version 1.0\nfile '{target}'\n",
        "a.mpd": (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
            "<Period><AdaptationSet><Representation id='1' bandwidth='1'>"
            f"<BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
        ),
        "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
        "a.asx": f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
        "a.ism": f'<SmoothStreamingMedia><StreamIndex Url="{target}"/></SmoothStreamingMedia>',
    }


@pytest.mark.parametrize("name", lists(""))
def test_a_list_reaches_no_other_file(tmp_path, clip, name):
    (tmp_path / "outside").mkdir()
    for target in (clip, clip.name, as_file(clip)):
        path = tmp_path / name
        path.write_text(lists(str(target))[name])
        with pytest.raises(DataError, match=f"{name} cannot be opened as a video"):
            list(video_pictures(path, "lenient"))


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "link.mp4").symlink_to("/dev/zero")
    for name, kind in (("pipe.mp4", "a pipe"), ("link.mp4", "a device"), (".", "a folder")):
        for policy in ("strict", "lenient"):
            with pytest.raises(DataError, match=f"is {kind}, not a regular file"):
                list(video_pictures(tmp_path / name, policy))
    with pytest.raises(DataError, match="pipe.mp4 is a pipe, not a regular file"):
        open_sources(str(tmp_path / "pipe.mp4"))


def oversized(path, kind: str, side: int):
    """Write a small file whose header states a large picture."""
    if kind == "png":
        head = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        chunks = (head, b"IDAT" + zlib.compress(bytes(99)), b"IEND")
        found = [
            struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks
        ]
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(found))
        return path
    made = path.with_suffix(f".{kind}")
    if kind == "gif":
        Image.new("L", (64, 48)).save(
            made, save_all=True, append_images=[Image.new("L", (64, 48), 9)]
        )
    else:
        write_video(made, [np.full((48, 64), 99.0)] * 2, codec="ffv1")
    content = bytearray(made.read_bytes())
    size, place = (2, 6) if kind == "gif" else (4, content.index(b"strf") + 12)
    content[place : place + 2 * size] = side.to_bytes(size, "little") * 2
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["png", "gif", "avi"])
def test_pictures_that_are_too_large_take_no_memory(tmp_path, kind):
    path = oversized(tmp_path / "v.mp4", kind, 30_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for policy in ("strict", "lenient"):
        with pytest.raises(DataError, match="30000x30000 px are more|cannot be|no frame"):
            list(video_pictures(path, policy))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # KiB; a frame has 2.6 GiB


def test_sizes_and_numbers_have_limits(clip, monkeypatch):
    monkeypatch.setattr(opening, "MAX_PIXELS", 1000)
    with pytest.raises(DataError, match="clip.mp4: 64x48 px are more than 1000 pixels"):
        list(video_pictures(clip, "lenient"))
    monkeypatch.undo()
    monkeypatch.setattr(opening, "MAX_FRAMES", 5)
    with pytest.raises(DataError, match="clip.mp4: 6 frames are more than 5"):
        list(video_pictures(clip, "lenient"))
    monkeypatch.undo()
    monkeypatch.setattr(reading, "MAX_FRAMES", 5)  # where the header states no number
    with pytest.raises(DataError, match="clip.mp4: holds more than 5 frames"):
        list(video_pictures(clip, "lenient"))


def test_metadata_in_any_encoding_do_not_matter(tmp_path):
    path = write_video(tmp_path / "v.avi", [texture(48, 64)] * 3, codec="mpeg4", options={})
    with av.open(str(path)) as source, av.open(str(tmp_path / "w.avi"), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        copy.metadata["title"] = "xxAAAAxx"
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    latin = (tmp_path / "w.avi").read_bytes().replace(b"AAAA", b"\xe4\xf6\xfc\xff")
    assert b"\xe4\xf6" in latin
    path.write_bytes(latin)
    assert len(list(video_pictures(path, "strict"))) == 3


def test_a_cover_is_no_video(tmp_path):
    path = tmp_path / "song.mkv"
    with av.open(str(path), "w") as container:
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        encoder = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "rgb24"
        encoder.time_base = Fraction(1, 25)
        content = b"".join(bytes(packet) for packet in encoder.encode(picture))
        container.add_attachment("cover.png", "image/png", content)
        stream = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = RATE_HZ
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(DataError, match="song.mkv has no video stream"):
        list(video_pictures(path, "strict"))
