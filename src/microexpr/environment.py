"""What the jobs of the workflow inherit from the process that plans them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Memory that a batch gave back is taken again by the next one. glibc returns large blocks to the
# system at once; fetching them anew is up to a fifth of a job's time.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": 1 << 30,
    "MALLOC_TRIM_THRESHOLD_": 1 << 30,
    "MALLOC_TOP_PAD_": 1 << 26,
}


def share_environment(project: Path) -> None:
    """Let the jobs find the interpreter and the package of the workflow, and keep their memory.

    ``python`` in a rule becomes the one that runs Snakemake, also where nobody has activated its
    environment (``.venv/bin/snakemake``, a cluster's node). With ``--sdm conda`` the jobs'
    environment has the libraries, and the package comes from the project's own folder.

    Parameters
    ----------
    project : Path
        The folder of the Snakefile.
    """
    for name, folder in (("PATH", Path(sys.executable).parent), ("PYTHONPATH", project / "src")):
        known = os.environ.get(name, "").split(os.pathsep)
        os.environ[name] = os.pathsep.join([str(folder), *(k for k in known if k)])
    for name, size in MALLOC.items():
        os.environ.setdefault(name, str(size))
