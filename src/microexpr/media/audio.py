"""The sound of the source, copied beside the new pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av

from microexpr.media.notices import notice

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
