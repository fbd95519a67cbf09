"""The memory that HDF5 takes for what it knows of a file."""

from __future__ import annotations

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
