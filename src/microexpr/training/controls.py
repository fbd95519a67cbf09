"""Controls that are trained: one row each in ``CONTROLS``, for every method and feature mode.

A row is light, so that planning needs neither NumPy nor PyTorch. What it changes is said in keys of
the configuration; all the rest is that of the method beside which it stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from microexpr.config.base import Settings
from microexpr.magnify.methods import METHODS
from microexpr.runtime.registry import Registry

Chosen = TypeVar("Chosen", bound=Settings)


@dataclass(frozen=True)
class Control:
    """A control that is trained beside each method of the table."""

    name: str  # as in `evaluate.controls`
    label: str  # for people
    lesson: str  # what is not shown where the control is not below its method
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of the configuration
    repeated: bool = False  # `evaluate.permutations` runs, instead of those of `train.seeds`
    chance: bool = False  # whether it must be at chance
    placebo: bool = False  # whether a placebo takes the place of the method of magnification
    code: tuple[str, ...] = ()


CONTROLS = Registry(
    "evaluate.controls",
    [
        Control(
            *("single_frame", "single frame", "a sequence shows more than its middle frame"),
            {
                "windows": {"modes": ["middle"]},
                "train": {"head": "frame_fc"},
                "protocol": {"clip_decision": "mean_softmax"},
            },
        ),
        Control(
            *("shuffled_frames", "frames shuffled", "the order of the frames is used"),
            {"windows": {"order": "shuffled"}},
        ),
        Control(
            *("reversed_frames", "tested backwards", "the direction of time is used"),
            {"windows": {"order": "reversed"}},
        ),
        Control(
            *("permuted_labels", "permuted labels", "anything was learnt"),
            {"train": {"permute_labels": True}},
            repeated=True,
            chance=True,
        ),
        Control(
            *("placebo", "still face, magnified", "the expression is what is magnified"),
            chance=True,
            placebo=True,
        ),
    ],
)


def split_control(name: str) -> tuple[str, str]:
    """Split the name of a run, such as ``pmm-single_frame``, into method and control, if any."""
    method, _, control = name.partition("-")
    if name in METHODS and METHODS[name].placebo_of:
        return METHODS[name].placebo_of, "placebo"
    return (method, control) if control in CONTROLS else (name, "")


def controlled(settings: Chosen, control: str, permutations: int) -> Chosen:
    """Return the settings of a control: those of the method, and what its row changes."""
    changes = {section: dict(keys) for section, keys in CONTROLS[control].changes.items()}
    if CONTROLS[control].repeated:
        changes["train"]["seeds"] = list(range(permutations))
    return settings.with_values(changes)
