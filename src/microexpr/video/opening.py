"""The one way to open a video: as a file, by a demuxer that reads no address or other file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
from av.stream import Disposition

from microexpr import MAX_PIXELS
from microexpr.errors import DataError, lacking
from microexpr.runtime.files import regular

MAX_FRAMES = 10_000_000  # of one clip: 14 hours at 200 frames/s
DEMUXERS = (
    "apng,asf,av1,avi,bmp_pipe,cine,dv,flv,gif,h261,h263,h264,hevc,ivf,jpeg_pipe,m4v,matroska,mjpeg,"
    "mov,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,png_pipe,rm,tiff_pipe,vc1,vvc,webp_pipe,wtv,"
    "yuv4mpegpipe"
)
DECODERS = {"max_pixels": str(MAX_PIXELS)}
AS_FILES = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS, **DECODERS}
# Of an ISO file (MP4, QuickTime) at its outermost level.
BOXES = {b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"free", b"skip", b"wide"}
BOXES |= {b"udta", b"uuid", b"styp", b"meta", b"emsg", b"pdin"}
EBML, SEGMENT, VOID = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", 0xEC
ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"  # of a header, and of the properties in it
ASF_PROPERTIES = b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"
TS_SYNC = 0x47
CUT_OFF = "the file is cut off"


def as_file(path: Path) -> str:
    """Return a path as FFmpeg takes it for a file, whatever its name looks like."""
    return f"file:{path.absolute()}"


@contextmanager
def opened(
    path: Path, threads: int = 1
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open a video and yield container and main stream; DataError: no file, no video, too large."""
    regular(path)
    try:
        container = av.open(as_file(path), options=AS_FILES, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        if lacking(error):
            raise OSError(getattr(error, "errno", 0), str(error), str(path)) from None
        if isinstance(error, PermissionError):
            raise PermissionError(error.errno, error.strerror, str(path)) from None
        cut = f": {CUT_OFF}" if is_cut_off(path) else ""
        raise DataError(f"{path} cannot be opened as a video{cut}") from None
    with container:
        # The one that a player shows: the picture of a cover is none.
        known = (stream for stream in container.streams.video if stream.codec_context)
        moving = [s for s in known if not s.disposition & Disposition.attached_pic]
        best = container.streams.best("video")
        stream = next((s for s in moving if s is best), moving[0] if moving else None)
        if stream is None:
            raise DataError(f"{path} has no video stream that can be decoded")
        check_size(str(path), stream.width, stream.height)
        if stream.frames > MAX_FRAMES:
            raise DataError(f"{path}: {stream.frames} frames are more than {MAX_FRAMES}")
        stream.codec_context.thread_count = threads
        yield container, stream


def check_size(name: str, width: int, height: int) -> None:
    """Raise DataError for a picture that is too large to decode; nothing is allocated before."""
    if width * height > MAX_PIXELS:
        raise DataError(f"{name}: {width}x{height} px are more than {MAX_PIXELS} pixels")


def is_cut_off(path: Path) -> bool:
    """Tell whether a file is shorter than it says, whatever it holds and whenever that starts."""
    size, end = path.stat().st_size, 0
    with path.open("rb") as file:
        head = file.read(4096)
        if head.startswith(b"RIFF"):  # AVI; of an odd length, a byte is added or not
            end = int.from_bytes(head[4:8], "little") + 7
        elif head.startswith(EBML):
            end = _end_of_segment(file, size)
        elif head.startswith(ASF):
            properties = head.partition(ASF_PROPERTIES)[2]
            end = int.from_bytes(properties[24:32], "little")
        elif head[4:8] in BOXES:
            end = _end_of_boxes(file, size)
        elif head.startswith(b"GIF8"):  # a block ends with 0, the file with a mark, or without
            file.seek(size - 1)
            return file.read() not in (b";", b"\0")
        else:
            for packet, sync in ((188, 0), (192, 4), (204, 0)):  # MPEG-TS
                if len(head) > sync + packet and head[sync] == head[sync + packet] == TS_SYNC:
                    return size % packet > 0
    return end > size


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    """Return where the last box of an ISO file ends."""
    end = 0
    while end < size:
        file.seek(end)
        head = file.read(16)
        length, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        if kind not in BOXES or length < 8:  # up to the end of the file, or written behind it
            return size
        end += length
    return end


def _end_of_segment(file: BinaryIO, size: int) -> int:
    """Return where the segment of a Matroska file ends; 0 where that is left open."""
    file.seek(0)
    while mark := file.read(4):  # of all elements at this level but empty ones, of one byte
        file.seek(1 - len(mark) if mark[0] == VOID else 0, 1)
        first = file.read(1)
        more = 8 - int.from_bytes(first, "big").bit_length()
        length = int.from_bytes(first + file.read(more), "big") - (1 << 7 * (more + 1))
        if length < 0 or length == (1 << 7 * (more + 1)) - 1:
            return 0
        end = file.tell() + length
        if mark == SEGMENT or end > size:
            return end
        file.seek(end)
    return 0
