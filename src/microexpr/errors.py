"""What can go wrong for a user: one exception class a cause, each message one line.

The command line prints the message and exits with status 2. A message names the clip, the frame
(where there is one) and the configuration key that changes the behaviour.
"""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import yaml

# What the process works on, such as ``clip s1_a``: set by the loops over clips and folds.
DOING: ContextVar[str] = ContextVar("doing", default="")
MAX_QUOTED = 500  # characters of another library's message


class MicroexprError(Exception):
    """Base of every error that a user can fix."""

    @property
    def messages(self) -> tuple[str, ...]:
        """What is wrong: one line each."""
        return (str(self),)


class ConfigError(MicroexprError):
    """An unknown key, a wrong type or an impossible value in the configuration."""


class DataError(MicroexprError):
    """A missing folder, an unreadable image, an unknown label, a clip without a face."""


class CollectedError(DataError):
    """All that is wrong with the clips of a job, with one message, of one line, per bad clip."""

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__("\n".join(messages))
        self._messages = tuple(messages)

    @property
    def messages(self) -> tuple[str, ...]:
        """What is wrong: one line each."""
        return self._messages


class CacheError(MicroexprError):
    """A cache that is incomplete, damaged, of another schema or of another data set."""


class WeightsError(MicroexprError):
    """A weights file that is missing, damaged, of another network or of another checksum."""


class ProtocolError(MicroexprError):
    """A split that would leak, or that cannot be made from these clips."""


class MicroexprWarning(UserWarning):
    """Something that the user should know and that does not invalidate the result."""


class Faults:
    """What is wrong with the clips of a job: collected first, so that one run tells all of it."""

    def __init__(self) -> None:
        self._messages: list[str] = []

    def add(self, message: str) -> None:
        """Note one more."""
        self._messages.append(message)

    @contextmanager
    def noted(self, clip_id: str) -> Iterator[None]:
        """Note the `DataError` of a block about one clip; any other error ends the job at once."""
        try:
            with about_clip(clip_id):
                yield
        except DataError as error:
            self._messages += [f"{message}; {leave_out(clip_id)}" for message in error.messages]
        except Exception as error:
            if not isinstance(error, MicroexprError) and not lacking(error):
                error.add_note(leave_out(clip_id))
            raise

    def stop(self) -> None:
        """Raise a CollectedError with all that was noted; without anything, do nothing."""
        if self._messages:
            raise CollectedError(self._messages)


@contextmanager
def about_clip(clip_id: str) -> Iterator[None]:
    """Name the clip in all that goes wrong in a block; the innermost block names it.

    A MicroexprError is raised again with the clip in its message; a DataError in place of an
    OSError about a file. Any other exception stays as it is and carries the name as its note.
    """
    what = f"clip {clip_id}"
    try:
        yield
    except CollectedError:
        raise
    except MicroexprError as error:
        if what in str(error):
            raise
        raise type(error)(f"{what}: {error}") from None
    except Exception as error:
        of_file, lacks = getattr(error, "filename", None), lacking(error)
        if isinstance(error, OSError) and of_file and not lacks:
            raise DataError(f"{what}: {of_file}: {error.strerror}") from None
        # A full disk says which file it holds, and has nothing to do with the clip.
        if not (lacks and of_file) and not hasattr(error, "__notes__"):
            error.add_note(what)
        raise


def leave_out(clip_id: str) -> str:
    """Say how a clip is left out."""
    # Some names are numbers for YAML, such as 006_1_2.
    listed = yaml.safe_dump([clip_id], default_flow_style=True, allow_unicode=True).strip()
    return f"to leave the clip out: data.leave_out: {listed}"


def brief(error: BaseException) -> str:
    """Say in one short line what another library's exception says: some repeat a whole file."""
    text = str(getattr(error, "strerror", None) or error)
    line = (text.splitlines() or [""])[0] or type(error).__name__
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}..."


MEMORY = "free memory, or run fewer jobs at once (snakemake --cores 1, --resources mem_mb=...)"
LACKS = {
    errno.ENOMEM: MEMORY,
    errno.EMFILE: "allow this process more open files: ulimit -n 8192",
    errno.ENFILE: "this machine has too many open files; try again later",
    errno.ENOSPC: "free space on this disk, or work on another one",
    errno.EDQUOT: "the quota of this disk is used up: delete files, or work on another disk",
    errno.EFBIG: "this disk, or ulimit -f, allows no file as large",
    errno.EROFS: "work on a disk that can be written to",
    errno.ENOLCK: "this file system grants no locks; work on another one, such as a local disk",
    errno.EAGAIN: "the system refuses it for now: a locked file, or too many processes (ulimit -u)",
    errno.EIO: "the disk or its network fails; try again, and check the disk",
    errno.ESTALE: "the network disk has lost the file; try again",
    errno.ETIMEDOUT: "the network disk does not respond; try again",
}
# What libraries say that have no exception of their own for it.
MEMORY_TEXT = re.compile(
    r"out of memory|(?:cannot|can't|unable to|failed to|couldn't) allocate|insufficient memory"
    r"|memory allocation failed|bad_alloc|not enough memory|failed to map segment",
    re.IGNORECASE,
)
THREAD_TEXT = "can't start new thread"


@contextmanager
def damage(kind: type[MicroexprError], text: str) -> Iterator[None]:
    """Raise `kind` with `text` and the reason for whatever a library says of a damaged file.

    Libraries have no exception of their own for damage. What the machine lacks is no damage: such
    an error stays what it is, with `text` as its note.
    """
    try:
        yield
    except MicroexprError:
        raise
    except Exception as error:
        if not lacking(error):
            raise kind(f"{text} ({brief(error)})") from None
        if not hasattr(error, "__notes__"):
            error.add_note(text.partition(": ")[0])
        raise


def lacking(error: BaseException) -> str:
    """Return what to do where the machine lacks memory, space or locks: no file is damaged then."""
    if isinstance(error, MicroexprError):
        return ""
    number = getattr(error, "errno", None)
    # FFmpeg says EIO of a file whose structure ends early too.
    of_format = number == errno.EIO and type(error).__module__.startswith("av")
    if number in LACKS and not of_format:
        return LACKS[number]
    if isinstance(error, MemoryError) or MEMORY_TEXT.search(str(error)):
        return MEMORY
    return LACKS[errno.EAGAIN] if THREAD_TEXT in str(error) else ""
