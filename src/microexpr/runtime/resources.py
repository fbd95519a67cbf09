"""Memory, processor threads and GPUs of a job."""
# ruff: noqa: PLC0415

from __future__ import annotations

import atexit
import ctypes
import fcntl
import logging
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, TypeVar

import cv2

from microexpr.errors import ConfigError

log = logging.getLogger(__name__)
T = TypeVar("T")
# What is freed is kept for the next item up to here: to fetch it anew takes time.
KEPT_BYTES = 128e6
PAGE_BYTES = 4096
STATUS = Path("/proc/self/statm")


def released(items: Iterable[T], kept_bytes: float = KEPT_BYTES) -> Iterator[T]:
    """Iterate over `items`; where their memory adds up, what is free leaves the process.

    glibc keeps freed blocks for later. Clips differ in length, so the next one's arrays do not fit
    into the holes of the one before, and the process of a shard grows to twice what a clip needs.
    Where there is neither glibc nor Linux nothing is done.

    Parameters
    ----------
    items : iterable
        Clips, say.
    kept_bytes : float
        By how much the process may grow before its free memory leaves it.

    Yields
    ------
    Each item.
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
def _malloc_trim() -> ctypes._FuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim if STATUS.exists() else None
    except (OSError, TypeError, AttributeError):  # another C library
        return None


VISIBLE = "CUDA_VISIBLE_DEVICES"
POLL_S = 0.5


class GpuSlot:
    """A GPU that no other job of this user holds.

    Parameters
    ----------
    number : int
        Of the device, as CUDA counts.
    file : file
        Its locked file.
    """

    def __init__(self, number: int, file: IO[str]) -> None:
        self.number, self._file = number, file

    def release(self) -> None:
        """Give the GPU back."""
        self._file.close()


def slots_folder() -> Path:
    """Folder of this user's slots: the same one for all jobs of a machine."""
    return Path(tempfile.gettempdir()) / f"microexpr-gpus-{os.getuid()}"


def try_slot(devices: int, folder: Path) -> GpuSlot | None:
    """Take the first free GPU of `devices`; None when all are taken.

    Raises
    ------
    ConfigError
        When the folder is another user's: its files could be links to ours.
    """
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
    """Take a free GPU of `devices`, as soon as there is one."""
    slot = try_slot(devices, folder)
    if slot is None:
        log.info("device: all %d GPU(s) are taken by other jobs; waiting", devices)
    while slot is None:
        time.sleep(POLL_S)
        slot = try_slot(devices, folder)
    return slot


def assign_gpu(devices: int) -> GpuSlot | None:
    """Make one free GPU the only visible one, until this process ends.

    Has to be called before CUDA is initialised. What a scheduler has assigned is left as it is.

    Parameters
    ----------
    devices : int
        GPUs of this machine.

    Returns
    -------
    GpuSlot or None
        None when there is no GPU, or ``CUDA_VISIBLE_DEVICES`` is set.
    """
    if devices == 0 or VISIBLE in os.environ:
        return None
    slot = wait_for_slot(devices, slots_folder())
    os.environ[VISIBLE] = str(slot.number)
    atexit.register(slot.release)
    log.info("device: GPU %d of %d", slot.number, devices)
    return slot


def limit_threads(threads: int) -> None:
    """Let OpenCV, and torch where it is in use, run this many threads."""
    cv2.setNumThreads(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


def choose_device(name: str) -> str:
    """Resolve ``auto``; say which device it is.

    ``auto`` takes a GPU that no other job of this user holds, and waits for one; see
    :mod:`microexpr.runtime.resources`.

    Raises
    ------
    ConfigError
        When a device is asked for that is not there.
    """
    import torch

    if name == "auto":
        # Counting asks the driver's management library and leaves CUDA uninitialised.
        if devices := torch.cuda.device_count():
            pass

            assign_gpu(devices)
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"--device {name}: torch sees no CUDA device")
    log.info("device: %s", torch.cuda.get_device_name() if name.startswith("cuda") else "CPU")
    return name
