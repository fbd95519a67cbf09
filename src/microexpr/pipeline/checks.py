"""What is impossible only together, which no stage could see in its part of the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from microexpr.backbones.networks import NETWORKS
from microexpr.config import Config
from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError


def check_across_sections(config: Config) -> None:
    """Find what is impossible only together; a stage, which sees its part, could not."""
    features = config.features
    blocks = NETWORKS[features.backbone].blocks
    if features.cut > blocks:
        raise ConfigError(
            f"features.cut: {features.cut} is outside 1..{blocks}, the blocks of "
            f"{features.backbone}"
        )
    chosen = config.ablation
    for key, value, known in (
        ("method", chosen.method, config.magnify.methods),
        ("n", chosen.n, config.windows.n),
    ):
        if config.evaluate.controls and value not in known:
            raise ConfigError(
                f"ablation.{key}: {value} is none of {known}; evaluate.controls are trained there "
                "(controls: [] for none)"
            )


def check_frame_rates(config: Config, clips: Sequence[Clip]) -> None:
    """Compare the pass-band with each clip's frame rate; a video brings its own, for the stage."""
    high_hz = config.magnify.passband_hz[1]
    for clip in clips:
        if clip.fps and high_hz >= clip.fps / 2:
            raise ConfigError(
                f"magnify.passband_hz: {high_hz:g} Hz is not below half of the {clip.fps:g} "
                f"frames/s of clip {clip.clip_id} (data.fps)"
            )
