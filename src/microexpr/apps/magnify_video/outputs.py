"""Names of outputs: one file for each clip and alpha."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from microexpr.errors import ConfigError
from microexpr.video.sources import Source

SUFFIX = ".mp4"


def output_paths(
    sources: Sequence[Source], output: Path, alphas: Sequence[float]
) -> list[list[Path]]:
    """Name the outputs of each source, one for each alpha.

    Parameters
    ----------
    sources : sequence of Source
    output : Path
        A file ``.mp4`` for one clip; a folder for any number, whose files get the clips' names.
    alphas : sequence of float
        Several: the names end in ``_a<alpha>``.

    Raises
    ------
    ConfigError
        When `output` is neither, or two clips have the same name.
    """
    if len(sources) == 1 and output.suffix.lower() == SUFFIX and not output.is_dir():
        bases = [output]
    elif output.is_dir() or (len(sources) > 1 and not output.suffix):
        bases = [output / f"{source.name}{SUFFIX}" for source in sources]
    else:
        needed = f"a file that ends in {SUFFIX}" if len(sources) == 1 else "a folder"
        raise ConfigError(f"OUT {output}: {needed} is needed")
    if len(set(bases)) < len(bases):
        twice = next(base for base in bases if bases.count(base) > 1)
        raise ConfigError(f"OUT {twice}: two clips have this name")
    if len(alphas) == 1:
        return [[base] for base in bases]
    return [[base.with_stem(f"{base.stem}_a{alpha:g}") for alpha in alphas] for base in bases]


def check_writable(paths: Iterable[Path], sources: Sequence[Source]) -> None:
    """Refuse now what would fail after the work, or destroy an input.

    Raises
    ------
    ConfigError
        When an output is an input or a folder, or its folder cannot be written to.
    """
    inputs = {path.resolve() for source in sources for path in source.files}
    for path in paths:
        if path.resolve() in inputs:
            raise ConfigError(f"OUT {path} is an input")
        if path.is_dir():
            raise ConfigError(f"OUT {path} is a folder")
        folder = path.absolute().parent
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(f"OUT {path}: {folder} is no folder that can be written to")
