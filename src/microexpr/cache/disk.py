"""A file for HDF5 to write to, whose disk may be full."""

from __future__ import annotations

import io
from typing import Any


class Disk(io.FileIO):
    """A file that keeps the first failed write for :meth:`check`, and takes the others as done.

    HDF5 cannot close a file after a write that failed: it crashes the process, and the message is
    not seen. So it is told of no failure; whoever writes asks for it.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all bytes."""
        view = memoryview(data).cast("B")
        done = 0
        while self.failure is None and done < len(view):  # a disk that fills takes a part
            try:
                done += super().write(view[done:]) or 0
            except OSError as error:
                self.failure = error
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
