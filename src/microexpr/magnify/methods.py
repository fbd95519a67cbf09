"""The methods of motion magnification: one row each in ``METHODS``.

A row is light, so that planning needs neither NumPy nor PyTorch. docs/adding-a-method.md says what
``METHODS.load(name, "function")`` takes and returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from microexpr.config.base import Section
from microexpr.runtime.registry import Registry

if TYPE_CHECKING:
    from microexpr.config import Config

# Keys of section `magnify` that every method reads: those of the temporal filter, and alpha.
FILTER_KEYS = (
    *("passband_hz", "temporal_filter", "order", "reference_frame", "anchored", "normalise_gain"),
)
SHARED_KEYS = (*FILTER_KEYS, "alpha")


class Amm(Section):
    """Amplitude-based magnification: Laplacian pyramid (Wu et al. 2012)."""

    levels: int = Field(6, ge=1, le=10, description="pyramid levels")
    lambda_c_px: float = Field(
        16.0, ge=0, description="wavelengths below get less gain (Wu eq. 14); 0: same gain for all"
    )
    bounded: bool = Field(
        False, description="less gain where the measured motion would break detail (Wu eq. 14)"
    )


class Pmm(Section):
    """Phase-based magnification: complex steerable pyramid (Wadhwa et al. 2013)."""

    levels: int | None = Field(None, ge=1, le=10, description="octaves; null: as many as fit")
    orientations: int = Field(5, ge=1, le=16, description="orientation bands")
    per_octave: Literal[1, 2] = Field(2, description="1: octave, 2: half-octave bands")
    smoothing_px: float = Field(
        2.0, ge=0, description="sd of the smoothing of phases where there is noise, px of the band"
    )
    axis: Literal["both", "horizontal", "vertical"] = Field(
        "both", description="component of the motion that is magnified"
    )


@dataclass(frozen=True)
class Method:
    """A method of motion magnification; classes and functions are ``"package.module:name"``."""

    name: str  # as in `magnify.methods`
    function: str = ""  # empty: the frames stay as they are
    # Its own settings, in a sub-section of the model's name in lower case, which methods may share.
    settings: type[Section] | None = None
    uses_alpha: bool = True  # whether motions become 1 + alpha times as large; or it is a control
    stream: str = ""  # magnifies in parts, see `magnify.clip.Magnifier`; empty: whole clips only
    sweep: bool = False  # whether the function takes a list of alphas, and `progress`
    mask: bool = False  # whether the function takes a `mask` (H, W), the share of the effect
    placebo_of: str = ""  # the method that it is a placebo of: never a method of the table's own
    colour: str = "#000000"  # in figures, as Matplotlib names them
    marker: str = "v"
    line: str = "-."
    label: str = ""  # for people

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of section ``magnify`` that its result follows from; the last is its sub-section."""
        own = (self.section,) if self.section else ()
        return (*SHARED_KEYS, *own) if self.function else ()

    @property
    def section(self) -> str:
        """Sub-section of its own settings; empty: it has none."""
        return self.settings.__name__.lower() if self.settings else ""

    @property
    def control(self) -> bool:
        """Whether it filters only: motions keep their size, colours are the reference frame's."""
        return bool(self.function) and not self.uses_alpha

    @property
    def code(self) -> tuple[str, ...]:
        """What results follow from: see :class:`microexpr.runtime.registry.Row`."""
        stream = (self.stream,) if self.stream else ()
        return (self.function, *stream, f"alpha {self.uses_alpha}") if self.function else ()


METHODS = Registry(
    "magnify.methods",
    [
        Method(
            "none", uses_alpha=False, colour="#555555", marker="^", line="--", label="not magnified"
        ),
        Method(
            "filter_only",
            "microexpr.magnify.amplitude:filter_only",
            settings=Amm,
            uses_alpha=False,
            stream="microexpr.magnify.amplitude:FilterMagnifier",
            colour="#009E73",
            marker="D",
            line=":",
            label="filtered only",
        ),
        Method(
            "amm",
            "microexpr.magnify.amplitude:amm",
            settings=Amm,
            stream="microexpr.magnify.amplitude:AmplitudeMagnifier",
            sweep=True,
            mask=True,
            colour="#0072B2",
            marker="o",
            line="-",
            label="AMM (amplitude)",
        ),
        Method(
            "pmm",
            "microexpr.magnify.phase:pmm",
            settings=Pmm,
            stream="microexpr.magnify.phase:PhaseMagnifier",
            sweep=True,
            mask=True,
            colour="#D55E00",
            marker="s",
            line="-",
            label="PMM (phase)",
        ),
        *(
            Method(
                f"placebo_{method}",
                f"microexpr.magnify.placebo:placebo_{method}",
                settings=settings,
                placebo_of=method,
                colour="#999999",
                label=f"still face, {method.upper()}",
            )
            for method, settings in (("amm", Amm), ("pmm", Pmm))
        ),
    ],
)


def keys_of(method: str, config: Config) -> dict[str, Any]:
    """Return the keys of section ``magnify`` that a method reads, with their values."""
    return {key: getattr(config.magnify, key) for key in METHODS[method].keys}
