"""What this process and its jobs create, their owner alone can read."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
ABANDONED_S = 86400.0  # another machine's temporary file that nobody touched for so long


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` when the block succeeds.

    The file is readable by its owner only: faces and what is derived from them are personal data.

    Parameters
    ----------
    path : path-like
        Final name; its folder is made.

    Yields
    ------
    Path
        An empty file to write to. It is removed when the block raises; what a killed process left
        is removed by the next one that writes the same file.

    Raises
    ------
    OSError
        When the disk is full or read-only, naming `path`.
    """
    path = Path(path)
    # Machine and process number keep two runs apart.
    temporary = path.with_name(f".{path.stem}.{platform.node()}.{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        temporary.touch(mode=0o600)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        # The user knows the file's own name, and libraries do not even say this one.
        if error.errno in NOT_WRITABLE and error.filename in (None, str(temporary)):
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
    finally:
        with suppress(OSError):  # a read-only disk has been reported already
            temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` whose process is gone."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*{glob.escape(path.suffix)}"):
        # A machine's name may have dots itself; the process number is the last part.
        middle = left.name.removeprefix(f".{path.stem}.").removesuffix(path.suffix)
        machine, _, process = middle.rpartition(".")
        if not (machine and process.isdecimal()):
            continue
        with suppress(FileNotFoundError):  # another process may be cleaning up too
            idle_s = time.time() - left.stat().st_mtime
            own = machine == platform.node()
            if not _runs(int(process)) if own else idle_s > ABANDONED_S:
                left.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON with sorted keys, atomically."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    write_text(path, text + "\n")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text atomically, in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write what a library has made in memory, atomically.

    Libraries that write files themselves say in ways of their own that the disk is full.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_beside(path: str | os.PathLike[str], suffix: str, text: str) -> None:
    """Write ``<path><suffix>``, a note without which the file `path` is of no use.

    Parameters
    ----------
    path : path-like
        A file that is finished.
    suffix : str
        With its dot.
    text : str
        Of the note.

    Raises
    ------
    OSError
        When the note cannot be written; `path` is removed then.
    """
    path = Path(path)
    try:
        write_text(path.with_name(path.name + suffix), text)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Checksum of a file's bytes, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


OWNER_ONLY = 0o077


def own_files(*folders: Path) -> None:
    """Close new files and folders to everybody but their owner.

    Faces, what is computed from them, and logs that name people are personal data. The mask is
    inherited: jobs, logs that a shell opens and Snakemake's own records fall under it.

    Parameters
    ----------
    *folders : Path
        Folders that may be there already, and are closed now. One that is somebody else's, or on a
        read-only disk, stays as it is.
    """
    os.umask(OWNER_ONLY)
    for folder in folders:
        if folder.is_dir() and folder.stat().st_mode & OWNER_ONLY:
            with suppress(OSError):
                folder.chmod(folder.stat().st_mode & ~OWNER_ONLY)
