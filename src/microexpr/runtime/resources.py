"""Memory, processor threads and GPUs of a job."""
# ruff: noqa: PLC0415

import atexit
import ctypes
import fcntl
import logging
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import cv2

from microexpr.errors import ConfigError

log = logging.getLogger(__name__)
T = TypeVar("T")
# Up to here, freed memory is kept for the next item: to get it anew takes time.
KEPT_BYTES = 128e6
PAGE_BYTES = 4096
STATUS = Path("/proc/self/statm")
VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_S = 0.5


def released(items: Iterable[T], kept_bytes: float = KEPT_BYTES) -> Iterator[T]:
    """Iterate over `items`, such as clips; return memory to the system whenever it has grown.

    Clips differ in length: the arrays of the next one do not fit into the gaps of the last, and
    glibc would let a process grow to twice what a clip needs.
    """
    trim = _malloc_trim()
    if trim is None:
        yield from items
        return
    floor = _resident_bytes()
    for item in items:
        yield item
        if _resident_bytes() > floor + kept_bytes:
            trim(0)
            floor = _resident_bytes()


def _resident_bytes() -> int:
    return PAGE_BYTES * int(STATUS.read_text(encoding="ascii").split()[1])


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim if STATUS.exists() else None
    except (OSError, TypeError, AttributeError):  # another C library
        return None


class GpuSlot(NamedTuple):
    """A GPU that no other job of this user holds: its CUDA number, and its locked file."""

    number: int
    file: IO[str]  # to close it releases the GPU


def slots_folder() -> Path:
    """Return the folder of this user's slots: the same one for all jobs of a machine."""
    return Path(tempfile.gettempdir()) / f"microexpr-gpus-{os.getuid()}"


def try_slot(devices: int, folder: Path) -> GpuSlot | None:
    """Take the first free GPU of `devices`, or return None; ConfigError: the folder is not ours."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigError(f"{folder}: is not this user's; set CUDA_VISIBLE_DEVICES or TMPDIR")
    for number in range(devices):
        file = (folder / f"gpu{number}").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return GpuSlot(number, file)
    return None


def wait_for_slot(devices: int, folder: Path) -> GpuSlot:
    """Take a free GPU of `devices` as soon as there is one."""
    slot = try_slot(devices, folder)
    if slot is None:
        log.info("device: all %d GPU(s) are taken by other jobs; waiting", devices)
    while slot is None:
        time.sleep(POLL_S)
        slot = try_slot(devices, folder)
    return slot


def assign_gpu(devices: int) -> GpuSlot | None:
    """Make one free GPU the only visible one until this process ends, before CUDA is initialised.

    Return None without a GPU (`devices` is 0), or where a scheduler set ``CUDA_VISIBLE_DEVICES``.
    """
    if devices == 0 or VISIBLE in os.environ:
        return None
    slot = wait_for_slot(devices, slots_folder())
    os.environ[VISIBLE] = str(slot.number)
    atexit.register(slot.file.close)
    log.info("device: GPU %d of %d", slot.number, devices)
    return slot


def limit_threads(threads: int) -> None:
    """Limit OpenCV, and torch where it is in use, to this many threads."""
    cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def choose_device(name: str) -> str:
    """Return and log the device for `name`; ConfigError: the machine does not have it.

    ``auto`` waits for a GPU that no other job of this user holds; without a GPU it is the CPU.
    """
    import torch

    if name == "auto":
        # Counting devices does not initialise CUDA.
        assign_gpu(torch.cuda.device_count())
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        log.info("device: CPU")
        return name
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    number = int(name.partition(":")[2] or 0)
    if number >= found:
        raise ConfigError(
            f"--device {name}: torch sees {found or 'no'} CUDA device{'s'[: found > 1]}"
        )
    log.info("device: %s", torch.cuda.get_device_name(number))
    return name
