"""Decode a video, picture by picture, and judge whether the file is whole."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av

from microexpr.errors import DataError
from microexpr.runtime.notices import notice
from microexpr.video.opening import CUT_OFF, DECODERS, MAX_FRAMES, check_size, is_cut_off, opened
from microexpr.video.picture import Picture, Policy, natural_size, orientation_of

# A decoder that meets damage shows a guess unless it is told not to.
NO_GUESSES = {"err_detect": "explode"}
# By which a header's duration may be too long: it is rounded, and its last frame may be one of the
# rate that was announced, where the pictures came faster.
SLACK_FRAMES, SLACK_S = 3, 0.25
LAST_BYTES = 4096  # of a file, in which an incomplete packet means that it is cut off
# Formats whose header states a duration; of others it is a guess, or that of what is there.
STATED = ("matroska", "mov", "flv")
FIELD_ORDERS = (2, 3, 4, 5)  # of interlaced streams, as FFmpeg numbers them
MAX_ASPECT = 10  # width of a pixel over its height, or the other way round


def video_pictures(path: Path, policy: Policy, *, threads: int = 1) -> Iterator[Picture]:
    """Decode a video from its first frame to its last; nothing is sought.

    DataError: no frame, or one too large; under ``strict`` also damage, and a file that is cut off,
    of which ``lenient`` warns. The damage lies at the frame that is named or a few behind it.
    """
    with opened(path, threads) as (container, stream):
        decoding = _Decoding(path, container, stream, strict=policy == "strict")
        yield from decoding.pictures()
        decoding.finish()


def time_of(packet: av.Packet, container: av.container.InputContainer) -> int | None:
    """Return the time of a packet as the container has it: AVI numbers its packets."""
    return packet.dts if container.format.name == "avi" else packet.pts


@dataclass
class _Decoding:
    """A video on its way from packets to pictures, and what is wrong with it."""

    path: Path
    container: av.container.InputContainer
    stream: av.VideoStream
    strict: bool
    number: int = 0  # pictures so far
    damaged: int = 0  # packets
    packets: int = 0
    corrupt: bool = False  # whether one of the last packets of any stream is incomplete
    end_s: float = -math.inf  # of what was seen of any stream
    last_s: float = 0.0
    stamps: deque[int | None] = field(default_factory=deque)  # AVI: of packets not yet decoded

    def __post_init__(self) -> None:
        self.stream.codec_context.options = DECODERS | (NO_GUESSES if self.strict else {})
        self.avi = self.container.format.name == "avi"
        self.indexed = len(self.stream.index_entries)
        self.rate = self.stream.guessed_rate or self.stream.average_rate
        self.fields = _Fields(self.stream)
        self.aspect = self._aspect()

    def doubt(self, text: str) -> None:
        """Refuse under ``strict``, say so under ``lenient``."""
        if self.strict:
            raise DataError(f"{self.path}: {text}")
        notice(f"{self.path.name}: {text}")

    def pictures(self) -> Iterator[Picture]:
        try:
            for packet in self.container.demux():
                self._look_at(packet)
                if packet.stream is self.stream:
                    for picture in self._decode(packet):
                        yield self._picture(picture)
        except av.error.FFmpegError as error:
            reason = error.strerror or "damaged"
            self.doubt(f"frame {self.number} cannot be decoded ({reason}), {self._place}")

    def _look_at(self, packet: av.Packet) -> None:
        if not packet.size:
            return
        if packet.is_corrupt and packet.pos is not None:
            self.corrupt = packet.pos + packet.size > self.path.stat().st_size - LAST_BYTES
        start = packet.pts if packet.pts is not None else packet.dts
        if start is not None and packet.stream.type in ("video", "audio", "subtitle"):
            end = (start + (packet.duration or 0)) * packet.time_base
            self.end_s = max(self.end_s, float(end))

    def _decode(self, packet: av.Packet) -> list[av.VideoFrame]:
        if self.strict and packet.is_corrupt:
            self._refuse_frame()
        if self.avi and packet.size:
            self.packets += 1
            self.stamps.append(packet.dts)
        try:
            return packet.decode()
        except av.error.InvalidDataError:
            if self.strict:
                raise
            self.damaged += 1
            if self.stamps:
                self.stamps.pop()
            return []

    def _refuse_frame(self) -> None:
        what = f"cannot be decoded, {CUT_OFF}" if is_cut_off(self.path) else "is damaged"
        raise DataError(f"{self.path}: frame {self.number} {what}, {self._place}")

    @property
    def _place(self) -> str:
        return f"after {self.last_s:.2f} s"

    def _picture(self, shown: av.VideoFrame) -> Picture:
        if shown.is_corrupt:
            if self.strict:
                self._refuse_frame()
            self.damaged += 1
        check_size(f"{self.path}: frame {self.number}", shown.width, shown.height)
        if self.number >= MAX_FRAMES:
            raise DataError(f"{self.path}: holds more than {MAX_FRAMES} frames")
        orientation, odd = orientation_of(shown)
        if odd and not self.number:
            self.doubt("is turned by its metadata by another angle than quarters")
        if self.fields.begin(shown):
            notice(
                f"{self.path.name}: interlaced from frame {self.number} on; the top field of each "
                "frame is used"
            )
        stamp = shown.pts
        if self.avi:
            stamp = self.stamps.popleft() if self.stamps else None
        picture = Picture(self.number, self.fields.top(shown), stamp, orientation, self.aspect)
        self.last_s = float((stamp or 0) * (self.stream.time_base or 0))
        self.number += 1
        return picture

    def _aspect(self) -> Fraction:
        """Return the width of a pixel over its height: the container's word comes first."""
        aspect = Fraction(self.stream.sample_aspect_ratio or 1)
        if not 1 / MAX_ASPECT <= aspect <= MAX_ASPECT:
            self.doubt(f"its pixels are {aspect} times as wide as high")
            return Fraction(1)
        check_size(str(self.path), *natural_size(self.stream.width, self.stream.height, aspect))
        return aspect

    def finish(self) -> None:
        """Judge whether the file is whole, and report what was left out."""
        if not self.number:
            cut = f": {CUT_OFF}" if is_cut_off(self.path) else ""
            raise DataError(f"{self.path} holds no frame that can be decoded{cut}")
        # An index stands at the end of an AVI file; a length field may be wrong.
        whole = self.avi and self.indexed >= self.packets
        after = f"after frame {self.number - 1} at {self.last_s:.2f} s"
        if (is_cut_off(self.path) and not whole) or self.corrupt:
            self.doubt(f"ends {after}, {CUT_OFF}")
        elif missing_s := self._missing_s():
            self.doubt(f"ends {after}, {missing_s:.2f} s before the end that its header states")
        if self.damaged:
            notice(f"{self.damaged} packets of {self.path.name} cannot be decoded")

    def _missing_s(self) -> float:
        """Return by how much all streams end before what the header states."""
        stated = self.container.duration
        if not self.rate or stated is None or not self.container.format.name.startswith(STATED):
            return 0.0
        start_s, stated_s = ((t or 0) / av.time_base for t in (self.container.start_time, stated))
        # Some containers count their duration from time 0, others from the first picture.
        end_s = stated_s if stated_s > start_s > 0 else start_s + stated_s
        missing_s = end_s - self.end_s
        announced = self.stream.average_rate or self.rate
        slack_s = max(SLACK_FRAMES / float(self.rate), 1.1 / float(announced), SLACK_S)
        return missing_s if missing_s > slack_s else 0.0


class _Fields:
    """Takes the top field of interlaced pictures and fills the lines between.

    Both fields in one picture are two moments: their difference is motion that nobody made, and
    would be magnified. From the first interlaced picture on all are treated alike, or the
    sharpness would change from frame to frame. A filter over time would mix moments.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self._always = stream.codec_context.field_order in FIELD_ORDERS
        self._begun = False
        self._graphs: dict[str, av.filter.Graph] = {}

    def begin(self, picture: av.VideoFrame) -> bool:
        """Tell whether a picture is the first that is interlaced."""
        before, self._begun = self._begun, self._begun or self._always or picture.interlaced_frame
        return self._begun and not before

    def top(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return the picture, of one field once an interlaced one was seen."""
        if not self._begun or picture.height < 4:
            return picture
        kind = f"{picture.width}x{picture.height}:pix_fmt={picture.format.name}"
        kind += f":colorspace={int(picture.colorspace)}:range={int(picture.color_range)}"
        if kind not in self._graphs:
            graph = self._graphs[kind] = av.filter.Graph()
            graph.link_nodes(
                graph.add("buffer", f"video_size={kind}:time_base=1/90000"),
                graph.add("field", "type=top"),
                graph.add("scale", f"w=iw:h={picture.height}:flags=bicubic"),
                graph.add("buffersink"),
            ).configure()
        self._graphs[kind].push(picture)
        taken = self._graphs[kind].pull()
        assert isinstance(taken, av.VideoFrame)
        return taken


def clock(stream: av.VideoStream) -> tuple[Fraction, tuple[Fraction, ...]]:
    """Return the unit of a video's time stamps, s, and the rates that its header states."""
    assert stream.time_base is not None
    # The pictures' own rate comes first: FFmpeg takes 25 frames/s for a bare stream.
    own = stream.codec_context.framerate
    rates = (own, stream.guessed_rate, stream.average_rate, stream.base_rate)
    return stream.time_base, tuple(rate for rate in rates if rate)
