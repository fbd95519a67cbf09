"""What this process and its jobs create, their owner alone can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

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
