"""Figures of a run, as vectors and as PNG, and what is known of them before the first job."""

from collections.abc import Sequence

from microexpr.config import Config
from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError
from microexpr.magnify.methods import METHODS
from microexpr.protocol import COMPLETE

CROPS_A_PAGE = 60


def clips_shown(config: Config, clips: Sequence[Clip]) -> list[Clip]:
    """Return the clips that are shown over time and explained frame by frame.

    They are ``figures.clips`` (ConfigError when there is no such clip); where it is empty, the
    first tested clip of each class.
    """
    by_name = {clip.clip_id: clip for clip in clips}
    for name in config.figures.clips:
        if name not in by_name:
            raise ConfigError(f"figures.clips: there is no clip {name}")
    if config.figures.clips:
        return [by_name[name] for name in dict.fromkeys(config.figures.clips)]
    tested = list(clips)
    if not COMPLETE[config.protocol.name]:
        from microexpr.protocol.splits import folds_of  # noqa: PLC0415 (slow, rarely needed)

        folds = folds_of(config.protocol, config.data.labels, clips)
        tested = [clips[number] for number in sorted({i for fold in folds for i in fold.test})]
    first: dict[str, Clip] = {}
    for clip in tested:
        first.setdefault(clip.label, clip)
    return [first[label] for label in config.data.labels if label in first]


def methods_explained(config: Config) -> list[str]:
    """Return ``explain.methods``, which must be magnified, or ``magnify.methods`` but controls."""
    methods = config.magnify.methods
    for method in config.explain.methods:
        if method not in methods:
            raise ConfigError(f"explain.methods: {method} is not in magnify.methods")
    return config.explain.methods or [m for m in methods if not METHODS[m].control] or methods
