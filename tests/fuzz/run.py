"""Fuzzing guided by coverage, with atheris: ``pip install atheris``.

::

    python tests/fuzz/run.py TARGET FOLDER [-max_total_time=600 -rss_limit_mb=2000 ...]

TARGET is one of config, inline, tables, weights, caches, images, times; FOLDER keeps inputs that
reached new code. The options are libFuzzer's. A finding ends the run and leaves its bytes as
``crash-...``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
with atheris.instrument_imports(include=["microexpr", "yaml", "openpyxl", "zipfile", "json"]):
    import targets


def main() -> None:
    """Run a target until it fails or the time is over."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(targets.seeds(name)):
        (folder / f"seed{number}").write_bytes(content)
    options = [sys.argv[0], str(folder), *sys.argv[3:]]
    atheris.Setup(options, lambda content: targets.survives(name, content) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
