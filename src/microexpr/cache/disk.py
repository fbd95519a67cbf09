"""Files of caches: opened for reading, what HDF5 keeps in memory, and writes that fail."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from microexpr.errors import CacheError, brief, lacking
from microexpr.runtime.ending import shielded
from microexpr.runtime.files import AnyPath, regular, replacing

SMALLEST_BYTES, LARGEST_BYTES = 2**18, 2**20  # of metadata
HELD_BYTES = 32 << 20  # of a file that the system should not keep in memory
# Each frame is one HDF5 chunk, read once. HDF5 would keep up to 8 MB of each open clip.
NO_CHUNK_CACHE = {"rdcc_nbytes": 0, "rdcc_nslots": 1}


def bound_metadata(file: h5py.File) -> None:
    """Limit the metadata that HDF5 keeps of an open file to 1 MB; the default of 32 MB adds up."""
    settings = file.id.get_mdc_config()
    settings.set_initial_size = True
    settings.initial_size = settings.min_size = SMALLEST_BYTES
    settings.max_size = LARGEST_BYTES
    file.id.set_mdc_config(settings)


def reading(path: AnyPath) -> h5py.File:
    """Open a complete HDF5 file, without a lock; CacheError: it is missing or cannot be read."""
    if os.path.lexists(path):
        regular(path, CacheError)
    try:
        return h5py.File(path, "r", locking=False, **NO_CHUNK_CACHE)
    except OSError as error:
        if lacking(error):
            error.filename = str(path)
            raise
        # HDF5's own text fills three lines.
        reason = os.strerror(error.errno) if error.errno else brief(error)
        raise CacheError(f"{path}: not a readable HDF5 file ({reason})") from None


class Disk(io.FileIO):
    """A file that reports every write to HDF5 as done, and keeps the first failure for `check`.

    HDF5 crashes the process without a message after a failed write, or a signal in one: signals
    wait, and the code that writes calls :meth:`check`. Without `keep` memory is released every 32
    MB.
    """

    failure: OSError | None = None

    def __init__(self, path: AnyPath, mode: str, *, keep: bool = True) -> None:
        # A file that this process has made, and no link that was put in its place.
        super().__init__(path, mode, opener=lambda p, flags: os.open(p, flags | os.O_NOFOLLOW))
        self._file: h5py.File | None = None
        self._releases = not keep and hasattr(os, "posix_fadvise")
        self._held = 0  # bytes

    @shielded
    def hdf5(self) -> h5py.File:
        """Return a new HDF5 file in this one, which is closed with it."""
        self._file = h5py.File(self, "w", track_order=True)
        bound_metadata(self._file)
        return self._file

    @shielded
    def close(self) -> None:
        """Close both."""
        file: h5py.File | None = getattr(self, "_file", None)
        if file is not None:
            file.close()
        super().close()

    @shielded
    def write(self, data: Any) -> int:
        """Write all bytes."""
        view = memoryview(data).cast("B")
        done = 0
        while self.failure is None and done < len(view):  # a disk that fills up takes a part
            try:
                done += super().write(view[done:]) or 0
            except OSError as error:
                self.failure = error
        self._held += done
        if self._releases and self._held > HELD_BYTES:
            # Pages that are not on the disk yet are sent there; the next call releases them.
            os.posix_fadvise(self.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            self._held = 0
        return len(view)

    @shielded
    def readinto(self, buffer: Any) -> int | None:
        """Read into a buffer."""
        return super().readinto(buffer)

    @shielded
    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raise the `OSError` of an earlier write, if there was one."""
        if self.failure is not None:
            raise self.failure


@contextmanager
def writing(path: AnyPath, *, keep: bool = True) -> Iterator[tuple[h5py.File, Disk]]:
    """Yield a new HDF5 file and its `Disk`; it gets its name when the block succeeds."""
    with replacing(path) as temporary, Disk(temporary, "w+", keep=keep) as disk:
        with disk.hdf5() as file:
            yield file, disk
        disk.check()
