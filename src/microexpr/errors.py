"""What can go wrong for a user: one exception class a cause, each message one line.

The command line prints the message and exits with status 2. A message names the clip, the frame
(where there is one) and the configuration key that changes the behaviour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import yaml

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
    """All that is wrong with the clips of a job, with one message per bad clip.

    Parameters
    ----------
    messages : sequence of str
        One line each.
    """

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
        """Note the `DataError` of a block about one clip, and how to do without the clip.

        Any other error ends the job at once.
        """
        try:
            yield
        except DataError as error:
            self._messages += [f"{message}; {leave_out(clip_id)}" for message in error.messages]

    def stop(self) -> None:
        """Stop the job for what was noted; without anything noted, do nothing.

        Raises
        ------
        CollectedError
            With everything that was noted, in its order.
        """
        if self._messages:
            raise CollectedError(self._messages)


@contextmanager
def about_clip(clip_id: str) -> Iterator[None]:
    """Name the clip in the message of what goes wrong in a block: it reads the clip's files.

    Raises
    ------
    DataError
        In place of a `DataError` or an `OSError` of the block.
    """
    try:
        yield
    except DataError as error:
        raise DataError(f"clip {clip_id}: {error}") from None
    except OSError as error:
        raise DataError(f"clip {clip_id}: {error.filename}: {error.strerror}") from None


def leave_out(clip_id: str) -> str:
    """Say how a clip is left out."""
    # Some names are numbers for YAML, such as 006_1_2.
    listed = yaml.safe_dump([clip_id], default_flow_style=True, allow_unicode=True).strip()
    return f"to leave the clip out: data.leave_out: {listed}"


def brief(error: Exception) -> str:
    """Say in one short line what another library's exception says: some repeat a whole file."""
    line = (str(error).splitlines() or [""])[0] or type(error).__name__
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}..."
