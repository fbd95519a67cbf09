"""What the workflow must know before its first job: shards, parameters of jobs, fingerprints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from microexpr import ablation, datasets, manifest, variants
from microexpr.config import Config
from microexpr.errors import ConfigError
from microexpr.figures import planned
from microexpr.files import sha256_of
from microexpr.provenance import fingerprint
from microexpr.stages import module, part


class Plan:
    """The jobs that follow from a configuration and from the folders of the data set.

    Parameters
    ----------
    values : mapping
        Nested dictionaries, as Snakemake reads them.

    Raises
    ------
    ConfigError
        On an invalid configuration.
    DataError
        When the data set is not there or not as it should be.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.config = Config.parse(dict(values))
        _check_across_sections(self.config)

    @cached_property
    def listing(self) -> datasets.Listing:
        """Clips of the data set, with what is wrong with it: judged by the stage index."""
        listing = datasets.read(self.config.data, self.config.demo)
        manifest.check(listing.clips, self.config.data.labels)
        _check_frame_rates(self.config, listing.clips)
        return listing

    @cached_property
    def shards(self) -> dict[str, list[manifest.Clip]]:
        """Clips of each shard: a shard is a set of whole subjects."""
        listing, size = self.listing, self.config.data.subjects_per_shard
        return manifest.shards(listing.clips, size, listing.left_out)

    def subjects(self, shard: str) -> list[str]:
        """Subjects of a shard."""
        return list(dict.fromkeys(clip.subject for clip in self.shards[shard]))

    def rows(self, shard: str | None = None) -> str:
        """Checksum of the manifest's rows of a shard, or of all."""
        if shard is not None:
            return manifest.digest(self.shards[shard])
        return manifest.digest([clip for clips in self.shards.values() for clip in clips])

    def findings(self) -> str:
        """Checksum of the clips and of what is wrong with them: what the stage index reads."""
        return manifest.digest([*self.listing.clips, *self.listing.findings])

    def long_windows(self) -> list[int]:
        """Those of ``windows.n`` that some clip is too short for."""
        lengths = [clip.length for clip in self.listing.clips if clip.length]
        return [n for n in self.config.windows.n if lengths and n > min(lengths)]

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
        _check_across_sections(config)
        _check_frame_rates(config, self.listing.clips)
        return config

    def settings(self, stage: str, arm: str | None = None, *, variant: str = "") -> str:
        """Give the part of the configuration that a stage reads, as JSON for ``--config``."""
        config, method = self.variant(variant), None
        if arm is not None:
            method, alpha = variants.split_arm(arm, config)
            config = config.changed({"magnify": {"alpha": alpha}})
        return json.dumps(part(config, stage, method=method), sort_keys=True)

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
        """Checksum of the user's weights: another file at the same place makes features again."""
        given = json.loads(self.feature_settings(network))["features"]["weights"]
        return _checksum(given["path"]) if given else ""

    def ablation(self, *, full: bool = False) -> list[variants.Run]:
        """Runs that the ablation's table needs."""
        return [row.run for row in ablation.rows(self.config, full=full)]

    def ablation_files(self, *, full: bool = False) -> dict[str, list[str]]:
        """Give predictions of all rows, and one cache of each network: it names the weights."""
        runs = self.ablation(full=full)
        arms = {self.network(run.variant): run.arm for run in runs}
        first = next(iter(self.shards))
        predictions = {
            file for run in runs for file in run.predictions(self.variant(run.variant).train.parts)
        }
        features = [f"results/features/{name}/{arm}/{first}.h5" for name, arm in arms.items()]
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
        """Arms whose networks are explained."""
        return planned.arms_explained(self.config)

    def explained_training(self) -> str:
        """Like :meth:`settings` for train, with the first reading and seed: those explained."""
        train = self.config.train
        first = {"readings": train.readings[:1], "seeds": train.seeds[:1]}
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

    def arm(self, method: str, key: str) -> str:
        """Give the name of an arm that something else builds on.

        Raises
        ------
        ConfigError
            When it is not among ``magnify.methods``; `key` names what asks for it.
        """
        if method not in self.config.magnify.methods:
            raise ConfigError(f"{key}: {method} is not in magnify.methods")
        return method

    def exported(self) -> str:
        """Give the arm of the exported model.

        Raises
        ------
        ConfigError
            When the folds do not test it: its accuracy would be unknown.
        """
        model = self.config.model
        if model.n not in self.config.windows.n:
            raise ConfigError(f"model.n: {model.n} is not in windows.n {self.config.windows.n}")
        return self.arm(model.method, "model.method")

    def code(self, stage: str) -> str:
        """Fingerprint of a stage's code."""
        return fingerprint(module(stage))


@cache
def _checksum(path: str) -> str:
    return sha256_of(path) if Path(path).is_file() else ""


def _check_across_sections(config: Config) -> None:
    """Find what is impossible only together; a stage, which sees its part, could not."""
    features = config.features
    *_, blocks = ablation.NETWORKS[features.backbone]
    if features.cut > blocks:
        raise ConfigError(
            f"features.cut: {features.cut} is outside 1..{blocks}, the blocks of "
            f"{features.backbone}"
        )
    arm = config.ablation
    for key, value, known in (
        ("method", arm.method, config.magnify.methods),
        ("n", arm.n, config.windows.n),
    ):
        if config.evaluate.controls and value not in known:
            raise ConfigError(
                f"ablation.{key}: {value} is none of {known}; evaluate.controls are trained there "
                "(controls: [] for none)"
            )


def _check_frame_rates(config: Config, clips: Sequence[manifest.Clip]) -> None:
    """Compare the pass-band with each clip's frame rate; a video brings its own, for the stage."""
    high_hz = config.magnify.passband_hz[1]
    for clip in clips:
        if clip.fps and high_hz >= clip.fps / 2:
            raise ConfigError(
                f"magnify.passband_hz: {high_hz:g} Hz is not below half of the {clip.fps:g} "
                f"frames/s of clip {clip.clip_id} (data.fps)"
            )
