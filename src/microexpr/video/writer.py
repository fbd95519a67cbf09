"""The one way out: H.264 video, with the sound of its source, and PNG pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np

from microexpr.errors import DataError
from microexpr.runtime.files import write_bytes
from microexpr.runtime.notices import notice
from microexpr.video.frame import Colour, Frame
from microexpr.video.time_axis import Grid

# Of x264. A face clip of 528x592 px keeps 51 dB and its points move by 0.997 of what they did
# before encoding, at 3 Mbit/s and in a third of the time of the default preset.
CRF = 10
PRESET = "veryfast"


class VideoWriter:
    """Writes frames as they come.

    H.264 in the layout that every player knows (yuv420p) has even sizes only: frames of odd width
    or height get their last column or row twice.

    Parameters
    ----------
    path : Path
    width, height : int
        Of the frames, px.
    grid : Grid
        Their times.
    colour : Colour
        What their codes mean.
    pixel_aspect : Fraction
        Width of a pixel over its height.
    sound : Path, optional
        File whose sound is copied.
    threads : int
        Of the encoder.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        grid: Grid,
        colour: Colour,
        pixel_aspect: Fraction = Fraction(1),
        sound: Path | None = None,
        threads: int = 1,
    ) -> None:
        self.width, self.height = width + width % 2, height + height % 2
        self._grid = grid
        self._container = av.open(str(path), "w", format="mp4")
        self._stream = self._container.add_stream(
            "libx264",
            rate=grid.rate,
            time_base=grid.time_base,
            width=self.width,
            height=self.height,
            options={"crf": str(CRF), "preset": PRESET},
        )
        context = self._stream.codec_context
        context.pix_fmt = "yuv420p"
        context.thread_count = threads
        context.sample_aspect_ratio = pixel_aspect
        context.colorspace, context.color_range = colour.matrix, int(colour.range_code)
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        self._colour = colour
        self._sound = AudioTracks(sound, self._container) if sound else None

    def write(self, frame: Frame) -> None:
        """Encode one frame; its luma is rounded to 8 bits."""
        luma = frame.luma8()
        odd = ((0, self.height - luma.shape[0]), (0, self.width - luma.shape[1]))
        codes = np.concatenate([np.pad(luma, odd, mode="edge").ravel(), frame.chroma.ravel()])
        picture = av.VideoFrame.from_ndarray(codes.reshape(-1, self.width), format="yuv420p")
        picture.color_range = int(self._colour.range_code)
        picture.pts, picture.time_base = frame.pts, self._grid.time_base
        picture.duration = round(1 / (self._grid.rate * self._grid.time_base))
        self._container.mux(self._stream.encode(picture))
        if self._sound:
            self._sound.mux_until(frame.pts * self._grid.time_base)

    def __enter__(self) -> VideoWriter:
        """Give the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file; after an error, only let go of it."""
        try:
            if kind is None:
                self._container.mux(self._stream.encode(None))
                if self._sound:
                    self._sound.mux_until(None)
        finally:
            if self._sound:
                self._sound.close()
            self._container.close()


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Write colours (y, x, 3) uint8 as PNG, atomically; DataError when they cannot be encoded."""
    done, content = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise DataError(f"{path}: a picture of shape {rgb.shape} cannot be encoded as PNG")
    write_bytes(path, content.tobytes())


FALLBACK = "aac"


class AudioTracks:
    """All sound of a file, on its way into another.

    Packets are copied, not decoded, wherever MP4 can hold their codec; others become AAC.

    Parameters
    ----------
    path : Path
        The source.
    output : OutputContainer
        Gets the streams at once, the packets as the pictures come.

    Warns
    -----
    MicroexprWarning
        When sound has to be encoded again.
    """

    def __init__(self, path: Path, output: av.container.OutputContainer) -> None:
        self._output = output
        self._stack = ExitStack()
        self._source = self._stack.enter_context(av.open(str(path)))
        self._start = Fraction(self._source.start_time or 0, av.time_base)
        self._targets: dict[int, tuple[av.AudioStream, bool]] = {}
        for stream in self._source.streams.audio:
            self._targets[stream.index] = self._target(stream)
        self._pending = self._packets()
        self._next = next(self._pending, None)

    def _target(self, stream: av.AudioStream) -> tuple[av.AudioStream, bool]:
        try:
            return self._output.add_stream_from_template(stream), True
        except ValueError:  # MP4 cannot hold this codec
            codec = stream.codec_context
            notice(f"sound: {codec.name} does not fit MP4, encoded as {FALLBACK}")
            layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
            return self._output.add_stream(FALLBACK, rate=codec.sample_rate, layout=layout), False

    def _packets(self) -> Iterator[tuple[Fraction, av.Packet]]:
        """Packets ready for the output, each with its time in s."""
        streams = [s for s in self._source.streams.audio if s.index in self._targets]
        for packet in self._source.demux(streams):
            target, copied = self._targets[packet.stream.index]
            ready = [packet] if copied else self._encoded(packet, target)
            for item in ready:
                if item.dts is None:
                    continue  # the end of a stream
                if copied:
                    shift = round(self._start / item.time_base)
                    item.pts, item.dts = item.pts - shift, item.dts - shift
                    item.stream = target
                yield item.dts * item.time_base, item
        for target, copied in self._targets.values():
            if not copied:
                yield from ((p.dts * p.time_base, p) for p in target.encode(None))

    def _encoded(self, packet: av.Packet, target: av.AudioStream) -> Iterator[av.Packet]:
        for sound in packet.decode():
            if sound.pts is not None:
                sound.pts -= round(self._start / sound.time_base)
            yield from target.encode(sound)

    def mux_until(self, time_s: Fraction | None) -> None:
        """Write what is heard before a time; None: all that is left."""
        while self._next is not None and (time_s is None or self._next[0] < time_s):
            self._output.mux(self._next[1])
            self._next = next(self._pending, None)

    def close(self) -> None:
        """Close the source."""
        self._stack.close()
