"""How caches lie on disk: compression, chunks, metadata."""

from __future__ import annotations

import io
import os
from typing import Any

import h5py

SMALLEST_BYTES, LARGEST_BYTES = 2**18, 2**20


def bound_metadata(file: h5py.File) -> None:
    """Keep what HDF5 remembers of an open file's clips within a megabyte.

    By itself it grows up to 32 MB a file, so that a stage's memory follows the number of clips.
    Clips are passed once and in order: what is forgotten is not asked for again.
    """
    settings = file.id.get_mdc_config()
    settings.set_initial_size = True
    settings.initial_size = settings.min_size = SMALLEST_BYTES
    settings.max_size = LARGEST_BYTES
    file.id.set_mdc_config(settings)


HELD_BYTES = 32 << 20  # of a file that the system is not to keep in memory


class Disk(io.FileIO):
    """A file that keeps the first failed write for :meth:`check`, and takes the others as done.

    HDF5 cannot close a file after a write that failed: it crashes the process, and the message is
    not seen. So it is told of no failure; whoever writes asks for it.

    Parameters
    ----------
    path : path-like
        The file.
    mode : str
        As for :func:`open`.
    keep : bool
        Whether the system may keep what is written in memory, for the next reader. Where not, it
        writes it to the disk and lets go of it, 32 MB by 32 MB, if it can.
    """

    failure: OSError | None = None

    def __init__(self, path: str | os.PathLike[str], mode: str, *, keep: bool = True) -> None:
        super().__init__(path, mode)
        self._passes = not keep and hasattr(os, "posix_fadvise")
        self._held = 0  # bytes

    def write(self, data: Any) -> int:
        """Write all bytes."""
        view = memoryview(data).cast("B")
        done = 0
        while self.failure is None and done < len(view):  # a disk that fills takes a part
            try:
                done += super().write(view[done:]) or 0
            except OSError as error:
                self.failure = error
        self._held += done
        if self._passes and self._held > HELD_BYTES:
            # Pages that are not on the disk yet are sent there; the next call lets go of them.
            os.posix_fadvise(self.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            self._held = 0
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raise the failure of an earlier write.

        Raises
        ------
        OSError
            What the system said.
        """
        if self.failure is not None:
            raise self.failure
