"""Atomic file writes, checksums, and files that only their owner can read."""

import errno
import glob
import hashlib
import json
import os
import platform
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from microexpr.errors import DataError, MicroexprError

AnyPath: TypeAlias = str | os.PathLike[str]
NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
ABANDONED_S = 86400.0  # age after which a temporary file of another machine is removed
OWNER_ONLY = 0o077
OTHER_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular(path: AnyPath, error: type[MicroexprError] = DataError) -> Path:
    """Return a path that a user names as one, when a regular file lies there, or a link to one.

    Reading from a pipe or a device waits for ever, or never ends. Otherwise an `error` is raised.
    """
    path = Path(path)
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError) as fault:  # ValueError: a name with a null byte
        missing = isinstance(fault, FileNotFoundError)
        reason = getattr(fault, "strerror", None) or str(fault)
        raise error(f"{path} does not exist" if missing else f"{path}: {reason}") from None
    if kind != stat.S_IFREG:
        raise error(f"{path} is {OTHER_KINDS.get(kind, 'something else')}, not a regular file")
    return path


@contextmanager
def replacing(path: AnyPath) -> Iterator[Path]:
    """Yield an empty temporary file beside `path`; rename it to `path` when the block succeeds.

    Only its owner can read it: faces are personal data. It is removed when the block raises; what a
    killed process left, by the next one. OSError on a full or read-only disk names `path`.
    """
    path = Path(path)
    # Machine and process number tell whose it is; nobody can have put a link to a file of ours at a
    # name that nobody can guess.
    owner = f"{platform.node()}.{os.getpid()}.{secrets.token_hex(8)}"
    temporary = path.with_name(f".{path.stem}.{owner}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        os.close(os.open(temporary, flags, 0o600))
        yield temporary
        if not stat.S_ISREG(temporary.lstat().st_mode):
            raise DataError(f"{path}: another program has replaced the file that was written")
        temporary.replace(path)
    except OSError as error:
        # The user knows the final name; libraries do not even report the temporary one.
        about_it = error.filename is None or temporary.name in str(error.filename)
        if error.errno in NOT_WRITABLE and about_it:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
    finally:
        with suppress(OSError):  # a read-only disk was reported above
            temporary.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` whose process has ended."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*{glob.escape(path.suffix)}"):
        # A machine's name may contain dots.
        middle = left.name.removeprefix(f".{path.stem}.").removesuffix(path.suffix)
        machine, _, process = middle.rpartition(".")[0].rpartition(".")
        if not (machine and process.isdecimal()):
            continue
        with suppress(FileNotFoundError):  # another process may remove it at the same time
            idle_s = time.time() - left.lstat().st_mtime
            own = machine == platform.node()
            if not _runs(int(process)) if own else idle_s > ABANDONED_S:
                left.unlink()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError as error:  # else it is another user's process
        return not isinstance(error, ProcessLookupError)
    return True


def read_note(path: Path) -> dict[str, Any]:
    """Read a JSON file of ours that may be missing or damaged; it is empty then."""
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def write_json(path: AnyPath, content: Any) -> None:
    """Write JSON with sorted keys, atomically."""
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    write_text(path, text + "\n")


def write_text(path: AnyPath, text: str) -> None:
    """Write a text in UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: AnyPath, content: bytes) -> None:
    """Write bytes atomically: libraries that write files report a full disk each in its own way."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_beside(path: AnyPath, suffix: str, text: str) -> None:
    """Write the note ``<path><suffix>`` of a finished file, which is removed where that fails."""
    path = Path(path)
    try:
        write_text(path.with_name(path.name + suffix), text)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sha256_of(path: AnyPath) -> str:
    """Return the checksum of a regular file's bytes as 64 hexadecimal digits; see `regular`."""
    if os.path.lexists(path) and not Path(path).is_file():
        regular(path)
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def own_files(*folders: Path) -> None:
    """Let only the owner read new files of this process, and `folders` that are the owner's."""
    os.umask(OWNER_ONLY)
    for folder in folders:
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                mode = stat.S_IMODE(os.fstat(handle).st_mode)
                if mode & OWNER_ONLY:
                    os.fchmod(handle, mode & ~OWNER_ONLY)
            finally:
                os.close(handle)
