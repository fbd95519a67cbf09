"""What can go wrong for a user: one exception class a cause, each message one line.

The command line prints the message and exits with status 2. A message names the clip, the frame
(where there is one) and the configuration key that changes the behaviour.
"""

MAX_QUOTED = 500  # characters of another library's message


class MicroexprError(Exception):
    """Base of every error that a user can mend."""


class ConfigError(MicroexprError):
    """An unknown key, a wrong type or an impossible value in the configuration."""


class DataError(MicroexprError):
    """A missing folder, an unreadable image, an unknown label, a clip without a face."""


class CacheError(MicroexprError):
    """A cache that is incomplete, damaged, of another schema or of another data set."""


class WeightsError(MicroexprError):
    """A weights file that is missing, damaged, of another network or of another checksum."""


class ProtocolError(MicroexprError):
    """A split that would leak, or that cannot be made from these clips."""


class MicroexprWarning(UserWarning):
    """Something that the user should know and that does not invalidate the result."""


def brief(error: Exception) -> str:
    """Say in one short line what another library's exception says: some repeat a whole file."""
    line = (str(error).splitlines() or [""])[0] or type(error).__name__
    return line if len(line) <= MAX_QUOTED else f"{line[:MAX_QUOTED]}..."
