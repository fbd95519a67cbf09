"""Several jobs on a machine with GPUs: each takes a free one, and gives it back when it ends.

A slot is a locked file. The system releases the lock when the process ends, however it ends, so
that a killed job blocks nobody. Slots are one user's; between users a scheduler has to decide.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import IO

from microexpr.errors import ConfigError

log = logging.getLogger(__name__)
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
