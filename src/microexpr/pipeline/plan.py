"""What the workflow must know before its first job: shards, parameters of jobs, fingerprints."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from microexpr.config import Config
from microexpr.datasets import manifest
from microexpr.datasets.listing import Listing
from microexpr.errors import ConfigError
from microexpr.figures import planned
from microexpr.fingerprints.code import Code, choice_of
from microexpr.pipeline import listing as listings
from microexpr.pipeline import record, sources, weights
from microexpr.pipeline.checks import check_across_sections, check_frame_rates
from microexpr.stages import part
from microexpr.studies import ablation, variants


class Plan:
    """The jobs that follow from a configuration and from the folders of the data set.

    Parameters
    ----------
    values : mapping
        Nested dictionaries, as Snakemake reads them.
    look : bool
        Whether to look at the data set: where it is not there, and in jobs, which plan as well,
        ``results/manifest.csv`` tells what was found last.
    results : Path
        Folder of the results: a prefix moves it where the workflow is a module of another one.
    tell : callable, optional
        Called with each line that people should read.

    Raises
    ------
    ConfigError
        On an invalid configuration.
    DataError
        When the data set is not there or not as it should be.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        look: bool = True,
        results: Path = Path("results"),
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._tell, self._values = tell, dict(values)
        self.config = Config.parse(dict(values))
        self._results = results
        known = listings.was_indexed(results)
        self._looks = (look and listings.is_there(self.config)) or not known
        if look and not self._looks:
            tell(f"data.root: {self.config.data.root} is not there, {listings.MANIFEST} is used")
        if look and (changed := record.other_libraries()):
            tell(f"results were made with other libraries ({changed}): microexpr adopt compares")
        check_across_sections(self.config)

    @cached_property
    def listing(self) -> Listing:
        """Clips of the data set, with what is wrong with it: judged by the stage index."""
        if self._looks:
            listing = listings.listed(self.config)
        else:
            listing = listings.indexed(self.config, self._results)
        check_frame_rates(self.config, listing.clips)
        return listing

    @property
    def index_key(self) -> str:
        """What the manifest and its report follow from."""
        return listings.key(self.config, self.listing)

    @property
    def outdated(self) -> bool:
        """Whether the data set is no longer as the manifest says."""
        written = (self._results / listings.MANIFEST).is_file()
        return self._looks and written and listings.recorded_key(self._results) != self.index_key

    def start(self) -> None:
        """Bring the manifest up to date before the first job, and note what the jobs rest on.

        Raises
        ------
        DataError
            When the data set is refused; the report says why.
        """
        if self.outdated:
            path = self._results / listings.MANIFEST
            self._tell(f"{path}: the data set has changed, it is indexed again")
            listings.run_index(self._results, self.index_options())
        self.remember()
        record.write(self._values)

    def index_options(self) -> str:
        """Return the options of stage index, for a command line."""
        windows = [str(n) for n in self.config.windows.n]
        options = ["--windows", *windows, "--key", self.index_key]
        return shlex.join([*options, "--config", self.settings("index")])

    @cached_property
    def shards(self) -> dict[str, list[manifest.Clip]]:
        """Clips of each shard: a shard is a set of whole subjects."""
        listing, size = self.listing, self.config.data.subjects_per_shard
        return manifest.shards(listing.clips, size, listing.left_out)

    def subjects(self, shard: str) -> list[str]:
        """Subjects of a shard."""
        return list(dict.fromkeys(clip.subject for clip in self.shards[shard]))

    def clips(self, shard: str | None = None) -> list[manifest.Clip]:
        """Rows of the manifest of a shard, or of all, without what stage index alone fills in."""
        wanted = self.shards.values() if shard is None else [self.shards[shard]]
        return [manifest.planned(clip) for clips in wanted for clip in clips]

    def rows(self, shard: str | None = None) -> str:
        """Checksum of the manifest's rows; of a shard: of what is decoded, without labels."""
        return manifest.digest(self.clips(shard), None if shard is None else manifest.DECODED)

    def sources(self, shard: str) -> str:
        """Token of the files that a shard's clips are decoded from: changes with their content."""
        root = Path(self.config.data.root)
        record = self._results / "sources" / f"{shard}.json"
        return sources.token(shard, record, root, self.clips(shard), tell=self._tell)

    def labels(self, clip_id: str = "") -> str:
        """Checksum of who is seen in each clip, or in one, and of its class."""
        clips = [clip for clip in self.clips() if clip_id in ("", clip.clip_id)]
        return manifest.digest(clips, {"clip_id", "subject", "label"})

    def variant(self, name: str) -> Config:
        """Give the configuration of a variant; that of the table where `name` is empty.

        Raises
        ------
        ConfigError
            When no control and no row of the ablation is called so, or its changes are impossible.
        """
        if not name:
            return self.config
        controls = variants.control_changes(self.config)
        changes = {k: (change,) for k, change in controls.items()} if name in controls else {}
        changes = changes or ablation.variants(self.config)
        if name not in changes:
            raise ConfigError(f"there is no variant {name!r} in this configuration")
        config = self.config.changed(*changes[name])
        check_across_sections(config)
        check_frame_rates(config, self.listing.clips)
        return config

    def settings(self, stage: str, method: str | None = None, *, variant: str = "") -> str:
        """Give the part of the configuration that a stage reads, as JSON for ``--config``."""
        config, base = self.variant(variant), None
        if method is not None:
            base, alpha = variants.split_method(method, config)
            config = config.changed({"magnify": {"alpha": alpha}})
        return json.dumps(part(config, stage, method=base), sort_keys=True)

    def network(self, variant: str = "") -> str:
        """Name the network and the cut of a variant, as the folder of its features."""
        features = self.variant(variant).features
        if features == self.config.features:
            return features.backbone
        return f"{features.backbone}-B{features.cut}"

    @cached_property
    def networks(self) -> dict[str, str]:
        """Settings of the stage features, by the name of the network."""
        names = ["", *ablation.variants(self.config)]
        return {self.network(name): self.settings("features", variant=name) for name in names}

    def feature_settings(self, network: str) -> str:
        """Like :meth:`settings` for features; that of the table needs no look at the variants."""
        return self.settings("features") if network == self.network() else self.networks[network]

    def weights(self, network: str) -> str:
        """Checksum of a network's weights: another file at the same place makes features again.

        Raises
        ------
        WeightsError
            When the file is not there, and features would have to be made with it.
        """
        settings = json.loads(self.feature_settings(network))["features"]
        return weights.checksum(network, settings)

    def remember(self) -> None:
        """Note the checksums of the weights in use: features stay usable without the file."""
        named = {self.network(): json.loads(self.settings("features"))["features"]}
        # Of the ablation only where it was asked for: it may be impossible beside the table.
        for network, text in self.__dict__.get("networks", {}).items():
            named[network] = json.loads(text)["features"]
        weights.remember(named)

    def ablation(self, *, full: bool = False) -> list[variants.Run]:
        """Runs that the ablation's table needs."""
        return [row.run for row in ablation.rows(self.config, full=full)]

    def ablation_files(self, *, full: bool = False) -> dict[str, list[str]]:
        """Give predictions of all rows, and one cache of each network: it names the weights."""
        runs = self.ablation(full=full)
        methods = {self.network(run.variant): run.method for run in runs}
        first = next(iter(self.shards))
        predictions = {
            file for run in runs for file in run.predictions(self.variant(run.variant).train.chunks)
        }
        features = [
            f"results/features/{name}/{method}/{first}.h5" for name, method in methods.items()
        ]
        return {"predictions": sorted(predictions), "features": features}

    def choices(self) -> list[variants.Run]:
        """Runs among which N or alpha is chosen on inner folds."""
        return [run for runs in variants.choices(self.config).values() for run in runs]

    @cached_property
    def shown(self) -> dict[str, str]:
        """Shard of each clip that is shown over time, by the clip's name."""
        shard = {clip.clip_id: name for name, clips in self.shards.items() for clip in clips}
        clips = [clip for clips in self.shards.values() for clip in clips]
        return {c.clip_id: shard[c.clip_id] for c in planned.clips_shown(self.config, clips)}

    @cached_property
    def crop_pages(self) -> range:
        """Numbers of the pages that show all crops, from 1."""
        return range(1, -(-len(self.listing.clips) // planned.CROPS_A_PAGE) + 1)

    @cached_property
    def explained(self) -> list[str]:
        """Methods whose networks are explained."""
        return planned.methods_explained(self.config)

    def explained_training(self) -> str:
        """Like :meth:`settings` for train, with the first feature mode and seed: those explained."""
        train = self.config.train
        first = {"feature_modes": train.feature_modes[:1], "seeds": train.seeds[:1]}
        return json.dumps(part(self.config.changed({"train": first}), "train"), sort_keys=True)

    def demo_settings(self, shard: str) -> str:
        """Like :meth:`settings` for the demo, with no more subjects than the shard reaches to.

        Subjects do not depend on how many there are, so that more of them write no shard again.
        """
        values = part(self.config, "demo")
        everybody = [*self.listing.clips, *self.listing.left_out]
        order = sorted({clip.subject for clip in everybody}, key=manifest.natural)
        values["demo"]["subjects"] = max(order.index(s) for s in self.subjects(shard)) + 1
        return json.dumps(values, sort_keys=True)

    def method(self, method: str, key: str) -> str:
        """Give the name of a method that something else builds on.

        Raises
        ------
        ConfigError
            When it is not among ``magnify.methods``; `key` names what asks for it.
        """
        if method not in self.config.magnify.methods:
            raise ConfigError(f"{key}: {method} is not in magnify.methods")
        return method

    def exported(self) -> str:
        """Give the method of the exported model.

        Raises
        ------
        ConfigError
            When the folds do not test it: its accuracy would be unknown.
        """
        model = self.config.model
        if model.n not in self.config.windows.n:
            raise ConfigError(f"model.n: {model.n} is not in windows.n {self.config.windows.n}")
        return self.method(model.method, "model.method")

    def code(self, stage: str, *, variant: str = "", **used: str) -> str:
        """Fingerprint of a stage's code; `used` names method, network or system.

        Where a stage uses a network and none is named, it is that of the variant.
        """
        if choice_of(stage) == "network" and "network" not in used:
            used["network"] = self.variant(variant).features.backbone
        return Code(stage, **used).accepted

    def feature_code(self, network: str) -> str:
        """Like :meth:`code` for stage features."""
        settings = json.loads(self.feature_settings(network))["features"]
        return self.code("features", network=settings["backbone"])
