"""The stages of the pipeline, and the part of the configuration that each one reads.

A stage is a module ``microexpr.stages.<name>`` with a function ``run``. Its fingerprint and its
part of the configuration are parameters of its jobs, so that it reruns when one of them changes.
"""

from __future__ import annotations

from typing import Any

from microexpr.config import Config
from microexpr.magnify.methods import METHODS

# Everything of these sections; the rest is spelt out in `part`.
SECTIONS = {
    "index": {"data": None, "demo": None},
    "demo": {"demo": None},
    "decode": {},
    "crop": {"crop": None},
    "split": {"data": ("labels",), "protocol": None},
    "features": {"features": None},
    "train": {
        "data": ("labels",),
        "windows": ("modes", "even", "short"),
        "features": ("backbone", "cut", "weights"),
        "train": (
            "head",
            "epochs",
            "batch_clips",
            "windows_per_clip",
            "lr",
            "lr_fine_tuned",
            "schedule",
            "weight_decay",
            "embed",
            "hidden",
            "dropout",
            "readout",
            "feature_modes",
            "standardise",
            "class_weights",
            "permute_labels",
            "seeds",
            "chunks",
        ),
        "protocol": ("name", "clip_decision"),
        "select": ("epoch",),
    },
    "evaluate": {
        "data": ("kind", "labels", "camera", "version", "part", "table"),
        "magnify": ("methods", "alpha"),
        "windows": ("n",),
        "features": ("backbone", "cut", "weights"),
        "train": ("feature_modes", "seeds"),
        "protocol": None,
        "select": ("n", "alpha", "alphas"),
        "evaluate": None,
        "ablation": ("method", "n"),
    },
    "compare": {
        "data": ("kind", "root", "labels"),
        "train": ("class_weights",),
        "protocol": ("name",),
        "compare": ("seeds", "epochs", "apex"),
    },
    "comparison": {
        "data": ("kind", "labels", "camera", "version", "part", "table"),
        "features": ("backbone", "cut"),
        "train": ("feature_modes", "seeds"),
        "protocol": ("name",),
        "evaluate": None,
        "compare": ("systems", "against", "seeds"),
    },
    "ablation": {
        "data": ("kind", "labels", "camera", "version", "part", "table"),
        "features": ("backbone", "cut"),
        "train": ("head", "feature_modes", "seeds"),
        "protocol": ("name",),
        "evaluate": ("bootstrap", "confidence", "seed"),
        "ablation": None,
    },
    "figures": {
        "data": ("kind", "labels"),
        "train": ("feature_modes",),
    },
    "quality": {
        "data": ("kind",),
        "windows": ("n", "modes", "even", "short"),
    },
    "embedding": {
        "data": ("kind", "labels"),
    },
    "motion": {
        "data": ("kind",),
    },
    "gradcam": {
        "data": ("kind", "root", "labels"),
        "crop": ("size_px", "min_score", "detection_width_px"),
        "windows": ("modes", "even"),
        "features": ("backbone", "cut", "weights"),
        "train": ("feature_modes", "seeds"),
        "explain": ("n", "blocks"),
    },
    "explain": {
        "data": ("kind", "root", "labels", "camera", "version", "part", "table"),
        "features": ("backbone", "cut"),
        "train": ("feature_modes", "seeds"),
        "protocol": ("name",),
        "evaluate": ("bootstrap", "confidence", "seed"),
        "explain": ("n",),
    },
    "leak_plot": {
        "data": ("kind", "labels", "camera", "version", "part", "table"),
        "features": ("backbone", "cut"),
        "evaluate": ("bootstrap", "confidence", "seed"),
    },
}
# The summary shows every key; a page, what its table must be warned of.
SECTIONS["summary"] = dict.fromkeys(Config.model_fields)
SECTIONS["pages"] = {
    "data": SECTIONS["evaluate"]["data"],
    "magnify": ("methods",),
    "features": ("backbone",),
    "train": ("feature_modes",),
    "protocol": ("name",),
}
# Inner folds are drawn where something is chosen on them.
SECTIONS["inner"] = SECTIONS["train"] | {
    "protocol": ("name", "clip_decision", "seed"),
    "select": ("epoch", "folds"),
}
SECTIONS["leak"] = {
    **{name: SECTIONS["train"][name] for name in ("data", "windows", "features", "train")},
    "protocol": ("folds", "seed"),
    "leak": ("n", "feature_mode", "test_share"),
}
# A model that answers for other videos holds what made the caches as well.
SECTIONS["model"] = SECTIONS["inner"] | {
    "data": SECTIONS["evaluate"]["data"],
    "crop": None,
    "features": ("backbone", "cut", "weights", "batch", "dtype"),
    "train": tuple(key for key in SECTIONS["train"]["train"] if key != "chunks"),
    "model": None,
}
# The system that is this pipeline's own network reads what training reads as well.
SECTIONS["compare_own"] = SECTIONS["train"] | {"compare": ("against", "seeds")}


def part(config: Config, stage: str, *, method: str | None = None) -> dict[str, Any]:
    """Cut out what a stage reads.

    Parameters
    ----------
    config : Config
        The whole configuration.
    stage : str
        Name of the stage.
    method : str, optional
        For ``magnify``: one of ``magnify.methods``; another method's keys are left out.

    Returns
    -------
    dict
        Sections and keys as plain values: a valid input of :meth:`Config.parse`.

    Raises
    ------
    ConfigError
        When the method is not known.
    """
    if stage == "magnify":
        sections: dict[str, tuple[str, ...] | None] = {"magnify": METHODS[method or ""].keys}
    else:
        sections = _sections(config, stage)
    return {
        name: getattr(config, name).model_dump(mode="json", include=keys and set(keys))
        for name, keys in sections.items()
    }


def _sections(config: Config, stage: str) -> dict[str, tuple[str, ...] | None]:
    """Give the keys of a stage; what is not switched on is not read."""
    if stage == "train" and config.select.epoch == "nested":
        return SECTIONS["inner"]
    if stage == "model" and (keys := METHODS[config.model.method].keys):
        return SECTIONS[stage] | {"magnify": keys}
    if stage == "evaluate" and not config.evaluate.controls:
        return {name: keys for name, keys in SECTIONS[stage].items() if name != "ablation"}
    return SECTIONS[stage]


def module(stage: str) -> str:
    """Full name of a stage's module."""
    return f"{__name__}.{stage}"
