"""Packages that only some configurations need: checked before the first job."""

from importlib.util import find_spec

from microexpr.errors import ConfigError


def check_compression(compression: str) -> None:
    """Raise ConfigError for ``features.compression: zstd`` where hdf5plugin is not installed."""
    if compression == "zstd" and find_spec("hdf5plugin") is None:
        raise ConfigError(
            "features.compression: zstd needs the package hdf5plugin (pip install hdf5plugin), "
            "for reading the caches as well; gzip needs none"
        )
