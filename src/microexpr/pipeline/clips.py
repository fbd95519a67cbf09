"""The clips that the workflow plans with, and what is impossible only together."""

import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from microexpr.backbones.networks import NETWORKS
from microexpr.config import Config
from microexpr.datasets import indexed, manifest, sources
from microexpr.datasets.indexed import IndexSettings
from microexpr.datasets.listing import Listing
from microexpr.errors import ConfigError, DataError
from microexpr.runtime.files import read_note


class PlannedClips:
    """The clips of the data set where it is there, else as indexed last; see `plan.Plan`."""

    def __init__(
        self, config: Config, *, look: bool, results: Path, tell: Callable[[str], None]
    ) -> None:
        self.config, self._results, self._tell = config, results, tell
        self._index = IndexSettings.of(config)
        known = all((results / name).is_file() for name in (indexed.MANIFEST, indexed.RECORD))
        there = config.data.kind == "demo" or sources.available(Path(config.data.root))
        self._looks = (look and there) or not known
        if look and not self._looks:
            tell(f"data.root: {config.data.root} is not there, {indexed.MANIFEST} is used")

    @cached_property
    def listing(self) -> Listing:
        """Clips of the data set, with what is wrong with it: judged by the stage index."""
        if self._looks:
            listing = indexed.listed(self._index)
        else:
            listing = indexed.indexed(self._index, self._results)
        check_frame_rates(self.config, listing.clips)
        return listing

    @property
    def index_key(self) -> str:
        """What the manifest and its report follow from."""
        return indexed.key(self._index, self.listing)

    @cached_property
    def shards(self) -> dict[str, list[manifest.Clip]]:
        """Clips of each shard: a shard is a set of whole subjects."""
        listing, size = self.listing, self.config.data.subjects_per_shard
        return manifest.shards(listing.clips, size, listing.left_out)

    def subjects(self, shard: str) -> list[str]:
        """Return the subjects of a shard."""
        return list(dict.fromkeys(clip.subject for clip in self.shards[shard]))

    def clips(self, shard: str | None = None) -> list[manifest.Clip]:
        """Return the manifest's rows of a shard, or all, without what only stage index fills in."""
        wanted = self.shards.values() if shard is None else [self.shards[shard]]
        return [manifest.planned(clip) for clips in wanted for clip in clips]

    def rows(self, shard: str | None = None) -> str:
        """Return a checksum of the manifest's rows; of a shard: of what is decoded, no labels."""
        return manifest.digest(self.clips(shard), None if shard is None else manifest.DECODED)

    def labels(self, clip_id: str = "") -> str:
        """Return a checksum of the subject and the class of each clip, or of one."""
        clips = [clip for clip in self.clips() if clip_id in ("", clip.clip_id)]
        return manifest.digest(clips, {"clip_id", "subject", "label"})

    def parts(self) -> str:
        """Return a checksum of the part of each clip; empty where clips are not of several."""
        clips = self.clips()
        return manifest.digest(clips, {"clip_id", "split"}) if manifest.parted(clips) else ""

    def sources(self, shard: str) -> str:
        """Return the token of the content of the files that a shard's clips are decoded from."""
        root = Path(self.config.data.root)
        path = self._results / "sources" / f"{shard}.json"
        return sources.token(shard, path, root, self.clips(shard), tell=self._tell)

    def update_manifest(self) -> None:
        """Index the data set again where it is no longer as the manifest says; may be refused."""
        path = self._results / indexed.MANIFEST
        if not (self._looks and path.is_file()):
            return
        if read_note(self._results / indexed.RECORD).get("key") != self.index_key:
            self._tell(f"{path}: the data set has changed, it is indexed again")
            run_index(self._index, self._results, self.index_key)


def run_index(settings: IndexSettings, results: Path, key: str) -> None:
    """Run stage index, as its rule does, in a process of its own; DataError says what it said."""
    names = (indexed.MANIFEST, indexed.REPORT, indexed.RECORD)
    path, report, listed = (str(results / name) for name in names)
    if find_spec("cv2") is None:
        raise DataError(
            f"{path}: the data set has changed, and indexing it needs OpenCV, which the "
            f"environment of Snakemake does not hold: delete this file and {listed}, then run "
            "snakemake twice: for the index, and for what follows"
        )
    log = results / "logs/index.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "microexpr", "stage", "index"]
    command += ["--manifest", path, "--report", report, "--record", listed]
    command += ["--key", key, "--config", settings.short()]
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()
        lines = [line for line in said if line.startswith("microexpr ")] or said[-1:]
        raise DataError("\n".join(lines) or f"{log}: {shlex.join(command)} failed")


def check_across_sections(config: Config) -> None:
    """Find what is impossible only together; a stage, which sees its part, could not."""
    features = config.features
    blocks = NETWORKS[features.backbone].blocks
    if features.cut > blocks:
        raise ConfigError(
            f"features.cut: {features.cut} is outside 1..{blocks}, the blocks of "
            f"{features.backbone}"
        )


def check_evaluation(config: Config) -> None:
    """Refuse a primary comparison, or controls, of cells that are not in the table."""
    primary, trained = config.evaluate.primary, config.ablation
    for section, chosen, more in (
        ("evaluate.primary", primary, ""),
        ("ablation", trained, "; evaluate.controls are trained there (controls: [] for none)"),
    ):
        for key, known in (
            ("method", config.magnify.methods),
            ("against", config.magnify.methods),
            ("n", config.windows.n),
            ("feature_mode", config.train.feature_modes),
        ):
            value = getattr(chosen, key, known[0])
            if value not in known and (section != "ablation" or config.evaluate.controls):
                raise ConfigError(f"{section}.{key}: {value} is none of {known}{more}")


def check_frame_rates(config: Config, clips: Sequence[manifest.Clip]) -> None:
    """Compare the pass-band with each clip's frame rate; a video brings its own, for the stage."""
    high_hz = config.magnify.passband_hz[1]
    for clip in clips:
        if clip.fps and high_hz >= clip.fps / 2:
            raise ConfigError(
                f"magnify.passband_hz: {high_hz:g} Hz is not below half of the {clip.fps:g} "
                f"frames/s of clip {clip.clip_id} (data.fps)"
            )
