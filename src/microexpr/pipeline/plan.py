"""What the workflow must know before its first job: shards, parameters of jobs, fingerprints."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from microexpr import figures, stages
from microexpr.baselines import OWN_NETWORK
from microexpr.config import Changes, Config
from microexpr.config.base import Settings
from microexpr.datasets import manifest
from microexpr.errors import ConfigError
from microexpr.pipeline import layout, record
from microexpr.pipeline.clips import (
    PlannedClips,
    check_across_sections,
    check_evaluation,
    check_frame_rates,
)
from microexpr.pipeline.environment import Untracked
from microexpr.studies import ablation, variants
from microexpr.studies.ablation import AblationSettings
from microexpr.studies.variants import ChoiceSettings, NoiseFloorSettings, Run


class Plan(PlannedClips):
    """The jobs that follow from a configuration and from the folders of the data set.

    Without `look`, as in jobs, or without the data set, ``results/manifest.csv`` says what there
    is. A prefix moves the folder `results` where the workflow is a module of another one; `tell` is
    called with lines for people. ConfigError, DataError: configuration or data set is not as it
    should be.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        look: bool = True,
        results: Path = Path("results"),
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._values = dict(values)
        self._variants: dict[str, Config] = {}
        self._jobs: dict[tuple[Any, ...], dict[str, object]] = {}  # many jobs differ in N only
        super().__init__(Config.parse(dict(values)), look=look, results=results, tell=tell)
        if look and (changed := record.other_libraries()):
            tell(f"results were made with other libraries ({changed}): microexpr adopt compares")
        check_across_sections(self.config)
        if self.config.select.epoch == variants.BEST_EPOCH:
            raise ConfigError(
                "select.epoch: best_epoch_on_test is no way to choose; use last or nested "
                "(results/comparison.csv shows in labelled rows by how much it inflates)"
            )

    def start(self) -> None:
        """Update the manifest before the first job, and record what the jobs depend on."""
        self.update_manifest()
        # Features stay usable without the file of the weights. Of the ablation only where it was
        # asked for: it may be impossible beside the table.
        known = {self.network(): self.config} | self.__dict__.get("networks", {})
        record.remember_weights({name: config.features for name, config in known.items()})
        record.write(self._values)

    # The parameters of jobs.

    def settings(self, stage: str, **chosen: Any) -> Settings:
        """Return what the jobs of a stage read of the configuration.

        `chosen` is what the job is about: its ``method``, ``network``, ``system``, ``shard`` or
        ``variant``; ``inner`` folds; ``explained`` training. Each changes the configuration or its
        keys.
        """
        declared, config = stages.declared(stage), self.variant(chosen.get("variant", ""))
        if "network" in chosen:
            config = self.of_network(chosen["network"])
        if "method" in chosen:
            chosen["method"], alpha = self.split_method(chosen["method"])
            config = config.changed({"magnify": {"alpha": alpha}})
        if "shard" in chosen:  # up to its last subject: more of them write no shard again
            everybody = [*self.listing.clips, *self.listing.left_out]
            order = sorted({clip.subject for clip in everybody}, key=manifest.natural)
            last = max(order.index(subject) for subject in self.subjects(chosen["shard"]))
            config = config.changed({"demo": {"subjects": last + 1}})
        if chosen.get("explained"):  # the first feature mode and seed are explained
            train = config.train
            first = {"feature_modes": train.feature_modes[:1], "seeds": train.seeds[:1]}
            config = config.changed({"train": first})
        decisive = {name: chosen[name] for name in declared.decisive if name in chosen}
        return declared.settings.of(config, **decisive)

    def job(self, stage: str, **chosen: Any) -> dict[str, object]:
        """Return the parameters of a rule: the settings and the code that its results follow from.

        ``config`` is all that is read, as JSON; ``settings`` the same for the command line, which
        Snakemake does not compare; ``code`` a fingerprint. `chosen` is as for `settings`.
        """
        key = (stage, *sorted(chosen.items()))
        if key not in self._jobs:
            settings = self.settings(stage, **chosen)
            method, _ = self.split_method(chosen.get("method", ""))
            code = record.code_of(stage, settings, method=method, system=chosen.get("system", ""))
            self._jobs[key] = {
                "config": json.dumps(settings.plain(), sort_keys=True),
                "code": code.accepted,
                "settings": Untracked(settings.short),
            }
        return self._jobs[key]

    def split_method(self, method: str) -> tuple[str, float]:
        """Split a name such as ``pmm-a5`` into method and alpha."""
        return variants.split_method(method, self.config.magnify.alpha)

    # Variants of the configuration, and their networks.

    def variant(self, name: str) -> Config:
        """Return the configuration of a variant; that of the table where `name` is empty."""
        if not name:
            return self.config
        if name not in self._variants:
            changes = variants.study_changes(name, self.config.train)
            if name == variants.BEST_EPOCH:
                changes = (variants.best_epoch_changes(self.config)[name],)
            changes = changes or self._ablated.get(name, ())
            if not changes:
                raise ConfigError(f"there is no variant {name!r} in this configuration")
            config = self.config.changed(*changes)
            check_across_sections(config)
            check_frame_rates(config, self.listing.clips)
            self._variants[name] = config
        return self._variants[name]

    @cached_property
    def _ablated(self) -> dict[str, tuple[Changes, ...]]:
        """What each variant of the ablation changes."""
        return ablation.variants(AblationSettings.of(self.config))

    def network(self, variant: str = "") -> str:
        """Return the folder of a variant's features: the network, and the cut where it differs."""
        features = self.variant(variant).features
        if features == self.config.features:
            return features.backbone
        return f"{features.backbone}-B{features.cut}"

    @cached_property
    def networks(self) -> dict[str, Config]:
        """A configuration for each network of table and ablation, by the folder of its features."""
        return {self.network(name): self.variant(name) for name in ("", *self._ablated)}

    def of_network(self, network: str) -> Config:
        """Return a configuration with a network; for the table's, no variant is looked at."""
        return self.config if network == self.network() else self.networks[network]

    def weights(self, network: str) -> str:
        """Return a checksum of a network's weights: another file makes features again."""
        return record.weights_sha256(network, self.of_network(network).features)

    # Files that several rules read.

    def choices(self) -> list[Run]:
        """Return the runs among which N or alpha is chosen on inner folds."""
        found = variants.choices(ChoiceSettings.of(self.config))
        return [run for runs in found.values() for run in runs]

    def further_predictions(self) -> list[str]:
        """Return predictions beside the table's own: of controls, and of candidates of a choice."""
        check_evaluation(self.config)
        config, methods = self.config, self.config.magnify.methods
        controls = variants.controls(config.evaluate.controls, methods, config.ablation.n)
        own = {Run(method, n) for method in methods for n in config.windows.n}
        runs = [run for run in (*controls, *self.choices()) if run not in own]
        return sorted(set(self._trained(*runs)))

    def _trained(self, *runs: Run) -> list[str]:
        return [f for run in runs for f in layout.trained(run, self.config.train.chunks)]

    def trained_controls(self) -> list[str]:
        """Return the predictions of the controls of a method and chunk, which are wildcards."""
        names = variants.controls_trained(self.config.evaluate.controls)
        return layout.each(layout.VARIANT, variant=names, n=self.config.ablation.n)

    def inner_predictions(self) -> list[str]:
        """Return predictions on inner folds."""
        chunks = self.config.train.chunks
        return [file for run in self.choices() for file in layout.inner(run, chunks)]

    def ablation(self, *, full: bool = False) -> list[Run]:
        """Return the runs that the ablation's table needs."""
        return [row.run for row in ablation.rows(AblationSettings.of(self.config), full=full)]

    def ablation_predictions(self, *, full: bool = False) -> list[str]:
        """Return the predictions of all rows of the ablation."""
        found = set()
        for run in self.ablation(full=full):
            found.update(layout.trained(run, self.variant(run.variant).train.chunks))
        return sorted(found)

    def ablation_features(self, *, full: bool = False) -> list[str]:
        """Return one cache of each network of the ablation: it names the weights."""
        runs, shard = self.ablation(full=full), next(iter(self.shards))
        methods = {self.network(run.variant): run.method for run in runs}
        return [
            file
            for network, method in methods.items()
            for file in layout.each(layout.FEATURES, network=network, method=method, shard=shard)
        ]

    def caches_of_system(self, system: str) -> list[str]:
        """Return the caches that a compared system reads."""
        shards = list(self.shards)
        if system != OWN_NETWORK:
            return layout.each(layout.FACES, shard=shards)
        method = self.method("none", "compare.systems")
        return layout.each(layout.FEATURES, network=self.network(), method=method, shard=shards)

    def compared_method(self) -> list[str]:
        """Return the predictions of our method that the systems are compared with."""
        against = self.config.compare.against
        return self._trained(Run(self.method(against.method, "compare.against"), against.n))

    def compared_best_epoch(self) -> list[str]:
        """Return the same of all systems, at the epoch that is best on the tested clips."""
        compare = self.config.compare
        run = Run(compare.against.method, compare.against.n, variants.BEST_EPOCH)
        systems = layout.each(layout.COMPARED_BEST_EPOCH, system=compare.systems)
        return [*self._trained(run), *systems]

    @cached_property
    def shown(self) -> dict[str, str]:
        """Shard of each clip that is shown over time, by the clip's name."""
        shard = {clip: name for name, clips in self.shards.items() for clip in clips}
        return {c.clip_id: shard[c] for c in figures.clips_shown(self.config, [*shard])}

    @cached_property
    def crop_pages(self) -> range:
        """Numbers of the pages that show all crops, from 1."""
        return range(1, -(-len(self.listing.clips) // figures.CROPS_A_PAGE) + 1)

    @cached_property
    def explained(self) -> list[str]:
        """Methods whose networks are explained."""
        return figures.methods_explained(self.config)

    def method(self, method: str, key: str) -> str:
        """Return the method that `key` builds on; ConfigError unless magnify.methods names it."""
        if method not in self.config.magnify.methods:
            raise ConfigError(f"{key}: {method} is not in magnify.methods")
        return method

    def noise_floor(self) -> list[str]:
        """Return the predictions of all methods under folds and seeds that were drawn again."""
        return self._trained(*variants.redrawn(NoiseFloorSettings.of(self.config)))

    def key_frames(self) -> list[str]:
        """Return the predictions of methods and systems with wrong key frames, and without."""
        ours = variants.with_errors(self.config.key_frames)
        theirs = variants.systems_with_errors(self.config.key_frames)
        systems = [layout.system(name, variant) for name in theirs for variant in theirs[name]]
        return [*self._trained(*ours), *systems]

    def folds(self, variant: str) -> str:
        """Return the folds of a variant: those of the table, unless it draws its own."""
        drawn = self.variant(variant).protocol.seed != self.config.protocol.seed
        return layout.each(layout.VARIANT_FOLDS if drawn else layout.FOLDS, variant=variant)[0]

    def exported(self) -> str:
        """Return the method of the exported model, which the folds have to test."""
        model = self.config.model
        if model.n not in self.config.windows.n:
            raise ConfigError(f"model.n: {model.n} is not in windows.n {self.config.windows.n}")
        return self.method(model.method, "model.method")
