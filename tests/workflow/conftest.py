"""What the tests of README and docs/ share."""

from __future__ import annotations

import pytest

import footage

# Other targets than the table, in one run for all tests that read them.
TARGETS = "results/comparison.csv figures explain results/model/model.safetensors"
COMPARE = """
compare:
  systems: [evm_tim, off_apexnet, vggface2_bilstm]
  epochs: 2
  against: {method: pmm, n: 9}
"""


@pytest.fixture(scope="session")
def complete(made_once, finished):
    """Return a finished run with comparison, pictures and model. Do not change it: copy it."""

    def make(folder):
        return finished.copy(folder).finish(extra=COMPARE, target=TARGETS)

    return made_once("complete", make)


@pytest.fixture(scope="session")
def sandbox(finished, tmp_path_factory):
    """Return a finished run in which the files that the pages name exist. Do not change it."""
    folder = finished.copy(tmp_path_factory.mktemp("typed") / "project").folder
    for cache in [*folder.glob("results/f*/**/s1-s2.h5"), *folder.glob("results/m*/**/s1-s2.h5")]:
        cache.with_name("s1-s6.h5").hardlink_to(cache)  # the demo has six subjects in a shard
        cache.with_name("s7-s12.h5").hardlink_to(cache.with_name("s3.h5"))
    (folder / "SMIC").mkdir()
    (folder / "SMIC/SMIC_all_raw").symlink_to(folder / "results/demo/SMIC_all_raw")
    footage.write_video(folder / "face.mp4", [footage.texture()] * 12)
    return folder
