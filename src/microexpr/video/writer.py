"""The one way out: H.264 video, with the sound of its source, and PNG pictures."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from microexpr.errors import DataError
from microexpr.runtime.files import write_bytes
from microexpr.runtime.notices import notice
from microexpr.video.frame import RANGES, Colour, Frame
from microexpr.video.opening import AS_FILES, as_file

# Of x264. A face clip of 528x592 px keeps 51 dB and its points move by 0.997 of what they did
# before encoding, at 3 Mbit/s and in a third of the time of the default preset.
CRF = 10
PRESET = "veryfast"
FALLBACK = "aac"  # for sound that MP4 cannot hold


class VideoWriter(AbstractContextManager["VideoWriter"]):
    """Writes frames as they come, shown at `rate` frames/s, with times in units of `time_base` (s).

    H.264 in the layout that every player knows (yuv420p) has even sizes only: frames of odd width
    or height (px) get their last column or row twice. The sound of the file `sound` is copied.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        rate: Fraction,
        time_base: Fraction,
        colour: Colour,
        pixel_aspect: Fraction = Fraction(1),
        sound: Path | None = None,
        threads: int = 1,
    ) -> None:
        self.width, self.height = width + width % 2, height + height % 2
        self._rate, self._time_base, self._colour = rate, time_base, colour
        self._container = av.open(as_file(path), "w", format="mp4")
        self._stream = self._container.add_stream(
            "libx264",
            rate=rate,
            time_base=time_base,
            width=self.width,
            height=self.height,
            options={"crf": str(CRF), "preset": PRESET},
        )
        context = self._stream.codec_context
        context.pix_fmt = "yuv420p"
        context.thread_count = threads
        context.sample_aspect_ratio = pixel_aspect
        context.colorspace, context.color_range = colour.matrix, int(RANGES[colour.full_range])
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        self._sound = _Sound(sound, self._container) if sound else None

    def write(self, frame: Frame) -> None:
        """Encode one frame; its luma is rounded to 8 bits."""
        luma = frame.luma8()
        odd = ((0, self.height - luma.shape[0]), (0, self.width - luma.shape[1]))
        codes = np.concatenate([np.pad(luma, odd, mode="edge").ravel(), frame.chroma.ravel()])
        picture = av.VideoFrame.from_ndarray(codes.reshape(-1, self.width), format="yuv420p")
        picture.color_range = int(RANGES[self._colour.full_range])
        picture.pts, picture.time_base = frame.pts, self._time_base
        picture.duration = round(1 / (self._rate * self._time_base))
        self._container.mux(self._stream.encode(picture))
        if self._sound:
            self._sound.mux_until(frame.pts * self._time_base)

    def close(self, *, complete: bool) -> None:
        """Finish the file; after an error, only release it."""
        try:
            if complete:
                self._container.mux(self._stream.encode(None))
                if self._sound:
                    self._sound.mux_until(None)
        finally:
            if self._sound:
                self._sound.source.close()
            self._container.close()

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> None:
        """Finish the file; after an error, only release it."""
        self.close(complete=kind is None)


class _Sound:
    """All sound of a file, on its way into another: copied, or AAC where MP4 cannot hold it."""

    def __init__(self, path: Path, output: av.container.OutputContainer) -> None:
        self._output = output
        self.source = av.open(as_file(path), options=AS_FILES, metadata_errors="replace")
        self._start = Fraction(self.source.start_time or 0, av.time_base)
        self._copies: dict[int, av.AudioStream] = {}
        self._encoders: dict[int, av.AudioStream] = {}
        for stream in self.source.streams.audio:
            try:
                added: Any = output.add_stream_from_template(stream)
                kept = self._copies
            except ValueError:  # MP4 cannot hold this codec
                codec = stream.codec_context
                notice(f"sound: {codec.name} does not fit MP4, encoded as {FALLBACK}")
                layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
                added = output.add_stream(FALLBACK, rate=codec.sample_rate, layout=layout)
                kept = self._encoders
            assert isinstance(added, av.AudioStream)
            kept[stream.index] = added
        self._pending = (packet for packet in self._packets() if packet.dts is not None)
        self._next = next(self._pending, None)

    def _packets(self) -> Iterator[av.Packet]:
        for packet in self.source.demux(list(self.source.streams.audio)):
            encoder = self._encoders.get(packet.stream.index)
            if encoder is not None:
                for sound in packet.decode():
                    assert isinstance(sound, av.AudioFrame)
                    if sound.pts is not None and sound.time_base is not None:
                        sound.pts -= round(self._start / sound.time_base)
                    yield from encoder.encode(sound)
            elif packet.dts is not None and packet.pts is not None:  # not the end of a stream
                shift = round(self._start / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = self._copies[packet.stream.index]
                yield packet
        for encoder in self._encoders.values():
            yield from encoder.encode(None)

    def mux_until(self, time_s: Fraction | None) -> None:
        """Write what is heard before a time; None: all that is left."""
        while (sound := self._next) is not None:
            if time_s is not None and (sound.dts or 0) * sound.time_base >= time_s:
                return
            self._output.mux(sound)
            self._next = next(self._pending, None)


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Write colours (y, x, 3) uint8 as PNG, atomically; DataError when they cannot be encoded."""
    done, content = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise DataError(f"{path}: a picture of shape {rgb.shape} cannot be encoded as PNG")
    write_bytes(path, content.tobytes())
