"""How fast: magnification against other implementations, in units that travel between machines.

    python benchmarks/speed.py [--size 64x224x224 ...] [--threads 1 2] [--rounds 7] [--only NAME]

Every method lives in a process of its own and the processes take turns, so that all see the same
machine. A round measures, one right after the other, the unit U and the method; ratios are taken
within a round and the median over rounds is printed (minimum-maximum). U is one real 2-D FFT and
its inverse over the clip, in chunks of 16 frames, on one thread, median of five. With one thread
ratios are of processor time, to which a virtual machine's neighbours add little. Memory is the peak
of the process above what it held before the call, in clips of float32. Run it on a machine that
does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import cv2
import torch

from microexpr.config import Magnify
from microexpr.errors import MicroexprWarning
from microexpr.magnify import amm, pmm
from microexpr.magnify.stream import stream
from microexpr.magnify.temporal import filtering_of
from peers import PEERS, installed

FPS, PASSBAND_HZ, ALPHA, SWEEP = 100.0, (4.0, 9.0), 10.0, [2.0, 5.0, 10.0, 20.0, 50.0]
DEFAULT = filtering_of(Magnify(), FPS)  # the temporal filter of the pipeline
IDEAL = {"fps": FPS, "passband_hz": PASSBAND_HZ, "temporal_filter": "ideal"}
ZERO_PHASE = {"fps": FPS, "passband_hz": (0.5, 10.0), "temporal_filter": "butterworth"}
CAUSAL: dict[str, Any] = {"fps": FPS, "passband_hz": (0.5, 10.0), "temporal_filter": "iir"}
OWN: dict[str, Callable[[torch.Tensor], Any]] = {
    "pmm": partial(pmm, alpha=ALPHA, **DEFAULT),
    "pmm octave": partial(pmm, alpha=ALPHA, per_octave=1, **DEFAULT),
    "pmm unsmoothed": partial(pmm, alpha=ALPHA, smoothing_px=0.0, **DEFAULT),
    "pmm butterworth": partial(pmm, alpha=ALPHA, **ZERO_PHASE),
    "pmm 5 alphas": partial(pmm, alpha=SWEEP, **DEFAULT),
    "pmm iir": partial(pmm, alpha=ALPHA, **CAUSAL),
    "pmm stream": lambda clip: deque(stream(clip, method="pmm", alpha=ALPHA, **CAUSAL), maxlen=0),
    "amm": partial(amm, alpha=ALPHA, **IDEAL),
    "amm default": partial(amm, alpha=ALPHA, **DEFAULT),
    "amm butterworth": partial(amm, alpha=ALPHA, **ZERO_PHASE),
    "amm 5 alphas": partial(amm, alpha=SWEEP, **IDEAL),
}
LIMITS_U = {  # at most, one thread, by the frames' size
    (224, 224): {
        "pmm": 15.0,
        "pmm octave": 10.0,
        "amm": 0.6,
        "amm default": 1.2,
        "amm butterworth": 1.2,
    },
    (480, 640): {"pmm": 12.0, "pmm octave": 8.0},
}
LIMITS_TIMES = {"plenoptic": 20.0, "pyrtools": 20.0, "pyeulervid phase": 8.0}
LIMITS_TIMES |= {"pyeulervid motion": 10.0, "eulerian-magnification": 10.0}
LIMITS_CLIPS = {"pmm": 6.0, "amm": 2.0}
SIDE_BY_SIDE = 1.6
AGAINST = {  # at most so many times another, one thread
    ("pmm 5 alphas", "pmm"): 2.2,
    ("pmm stream", "pmm iir"): 1.3,
    ("amm 5 alphas", "amm"): None,
}


class Sample(NamedTuple):
    """One turn of one method: processor seconds with one thread, else wall seconds."""

    unit_s: float
    run_s: float
    wall_s: float
    extra_clips: float


def unit(clip: torch.Tensor) -> None:
    """Apply rfft2 and irfft2 to the clip in chunks of 16 frames."""
    for chunk in clip.split(16):
        torch.fft.irfft2(torch.fft.rfft2(chunk), s=chunk.shape[-2:])


class Seconds(NamedTuple):
    """Times of one call."""

    processor: float
    wall: float


def timed(function: Callable[[], Any]) -> Seconds:
    """Time one call; free its result after the clocks stop."""
    processor, wall = time.process_time(), time.perf_counter()
    result = function()
    seconds = Seconds(time.process_time() - processor, time.perf_counter() - wall)
    del result
    return seconds


def peak_bytes(function: Callable[[], Any]) -> int:
    """Return the largest resident memory during a call, above that before it (Linux)."""

    def status(key: str) -> int:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = status("VmRSS")
    result = function()
    peak = status("VmHWM") - before
    del result
    return peak


def work(name: str, size: tuple[int, int, int], threads: int) -> None:
    """Answer each line on stdin with a sample as JSON."""
    warnings.simplefilter("ignore", MicroexprWarning)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    clip = torch.rand(size, generator=torch.Generator().manual_seed(0))
    method = OWN.get(name) or partial(
        installed()[name], fps=FPS, passband_hz=PASSBAND_HZ, alpha=ALPHA
    )
    method(clip[:, :64, :64].contiguous())  # what libraries load and allocate once
    run = partial(method, clip)
    clock = "processor" if threads == 1 else "wall"
    extra = peak_bytes(run) / (clip.numel() * 4)
    print("ready", flush=True)
    for _ in sys.stdin:
        torch.set_num_threads(1)
        unit(clip)  # a turn begins with cold caches, and the unit is short
        unit_s = median(getattr(timed(partial(unit, clip)), clock) for _ in range(5))
        torch.set_num_threads(threads)
        seconds = timed(run)
        sample = Sample(unit_s, getattr(seconds, clock), seconds.wall, extra)
        print(json.dumps(sample), flush=True)


class Worker:
    """A process that holds one method."""

    def __init__(self, name: str, size: str, threads: int) -> None:
        command = [sys.executable, __file__, "--worker", name, "--size", size]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [*command, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        while (line := self._line()) != "ready":
            if not line and self.process.poll() is not None:
                raise SystemExit(f"{name}: its process ended with {self.process.returncode}")

    def start(self) -> None:
        """Start a turn."""
        assert self.process.stdin
        self.process.stdin.write("run\n")
        self.process.stdin.flush()

    def finish(self) -> Sample:
        """Return the turn's sample; block until it is there."""
        return Sample(*json.loads(self._line()))

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


def in_turns(names: list[str], size: str, threads: int, rounds: int) -> dict[str, list[Sample]]:
    """Take `rounds` samples of each method, in turns."""
    workers = {name: Worker(name, size, threads) for name in names}
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, worker in workers.items():
            worker.start()
            samples[name].append(worker.finish())
    for worker in workers.values():
        worker.close()
    return samples


def side_by_side(size: str, rounds: int) -> float:
    """Return the clips/s of two processes with one thread each over those of one process."""
    pair, ratios = [Worker("pmm", size, 1) for _ in range(2)], []
    for _ in range(rounds):
        pair[0].start()
        alone = pair[0].finish().wall_s
        for worker in pair:
            worker.start()
        ratios.append(2 * alone / max(worker.finish().wall_s for worker in pair))
    for worker in pair:
        worker.close()
    return median(ratios)


def spread(values: list[float]) -> str:
    """Write median and range."""
    return f"{median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def report(samples: dict[str, list[Sample]], size: str, threads: int) -> list[str]:
    """Print a table; return what misses its limit (one thread only)."""
    n_frames, height, width = (int(n) for n in size.split("x"))
    own = {"pmm": "pmm", "amm": "amm"}
    print(f"\n## {size}, {threads} thread{'s' * (threads > 1)}")
    print("| method | U | ms per frame | extra memory, clips | times ours of the kind |")
    print("|---|---|---|---|---|")
    missed = []
    limits = LIMITS_U.get((height, width), {}) if threads == 1 else {}
    for name, rounds in samples.items():
        units = [s.run_s / s.unit_s for s in rounds]
        clips = rounds[0].extra_clips
        against, times = own.get(PEERS[name][1]) if name in PEERS else None, ""
        if against in samples:
            ratios = [p.run_s / s.run_s for p, s in zip(rounds, samples[against], strict=True)]
            times = spread(ratios)
            if threads == 1 and median(ratios) < LIMITS_TIMES[name]:
                missed.append(f"{name} {median(ratios):.1f} times, limit {LIMITS_TIMES[name]:g}")
        frame_ms = median(s.run_s for s in rounds) / n_frames * 1e3
        print(f"| {name} | {spread(units)} | {frame_ms:.2f} | {clips:.1f} | {times} |")
        if median(units) > limits.get(name, float("inf")):
            missed.append(f"{name} {median(units):.1f} U, limit {limits[name]:g}")
        if threads == 1 and clips > LIMITS_CLIPS.get(name, float("inf")):
            missed.append(f"{name} {clips:.1f} clips, limit {LIMITS_CLIPS[name]:g}")
    for (name, other), limit in AGAINST.items():
        if name in samples and other in samples:
            pairs = zip(samples[name], samples[other], strict=True)
            ratio = median(one.run_s / two.run_s for one, two in pairs)
            print(f"{name} takes {ratio:.2f} times {other}")
            if threads == 1 and limit and ratio > limit:
                missed.append(f"{name} {ratio:.2f} times {other}, limit {limit:g}")
    return [f"{size}: {line}" for line in missed]


def main() -> int:
    """Print the tables; exit status 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", nargs="+", default=["64x224x224", "64x480x640"], help="TxHxW")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", default=[], help="names of methods or peers")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        n_frames, height, width = (int(n) for n in arguments.size[0].split("x"))
        work(arguments.worker, (n_frames, height, width), arguments.threads[0])
        return 0
    names = [n for n in (*OWN, *installed()) if not arguments.only or n in arguments.only]
    missed = []
    for size in arguments.size:
        for threads in arguments.threads:
            samples = in_turns(names, size, threads, arguments.rounds)
            missed += report(samples, size, threads)
        if "pmm" in names:
            ratio = side_by_side(size, arguments.rounds)
            print(f"two clips side by side: {ratio:.2f} times the throughput of one")
            if ratio < SIDE_BY_SIDE:
                missed.append(f"{size}: side by side {ratio:.2f}, limit {SIDE_BY_SIDE:g}")
    print("\nlimits missed: " + ("; ".join(missed) if missed else "none"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
