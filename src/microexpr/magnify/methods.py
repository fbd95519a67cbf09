"""The methods of motion magnification: one row each.

What the rest of the package asks of a method:

- ``METHODS[name]``: its row; an unknown name gives a ConfigError that lists the names.
  ``name in METHODS``, ``for name in METHODS``, ``METHODS.values()``: with those of extensions.
  ``METHODS.own``: the names of this package alone.
- ``METHODS[name].keys``: the keys of section ``magnify`` that its result follows from: a stage that
  runs the method reads these and no others. The last one is the method's own sub-section, such as
  ``amm``; it is not a field of the model of section ``magnify``, which accepts one sub-section for
  each method. Empty for ``none``, whose frames are the faces themselves.
- ``METHODS[name].load()``: the function, ``function(clip, *, fps, alpha, passband_hz,
  temporal_filter, order, reference_frame, **settings)``, from frames (T, H, W, 3) of float32 in
  0..1 to the same shape.

A row is light, so that planning needs neither NumPy nor PyTorch. See docs/adding-a-method.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from microexpr.runtime.registry import Registry, resolve

# Keys of section `magnify` that every method reads.
SHARED_KEYS = ("passband_hz", "temporal_filter", "order", "reference_frame", "alpha")


@dataclass(frozen=True)
class Method:
    """A method of motion magnification.

    Parameters
    ----------
    name : str
        As in ``magnify.methods``.
    function : str
        ``"package.module:name"``; empty: the frames stay as they are.
    section : str
        Sub-section of ``magnify`` that holds its own settings; empty: it has none.
    uses_alpha : bool
        Whether motions become ``1 + alpha`` times as large. Otherwise the method is a control, and
        no alpha is chosen for it.
    streams : bool
        Whether clips of more than 512 frames can be magnified in windows or chunks
        (:mod:`microexpr.magnify.long_clips`). Those of other methods are magnified as a whole.
    colour, marker, line : str
        In figures, as Matplotlib names them.
    label : str
        For people.
    """

    name: str
    function: str = ""
    section: str = ""
    uses_alpha: bool = True
    streams: bool = False
    colour: str = "#000000"
    marker: str = "v"
    line: str = "-."
    label: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of section ``magnify`` that its result follows from."""
        if not self.function:
            return ()
        return (*SHARED_KEYS, self.section) if self.section else SHARED_KEYS

    def load(self) -> Callable[..., Any]:
        """Import the function that magnifies a clip."""
        function: Callable[..., Any] = resolve(self.function)
        return function


METHODS = Registry(
    "magnify.methods",
    [
        Method(
            "none",
            uses_alpha=False,
            colour="#555555",
            marker="^",
            line="--",
            label="not magnified",
        ),
        Method(
            "filter_only",
            "microexpr.magnify.amplitude:filter_only",
            section="amm",
            uses_alpha=False,
            streams=True,
            colour="#009E73",
            marker="D",
            line=":",
            label="filtered only",
        ),
        Method(
            "amm",
            "microexpr.magnify.amplitude:amm",
            section="amm",
            streams=True,
            colour="#0072B2",
            marker="o",
            line="-",
            label="AMM (amplitude)",
        ),
        Method(
            "pmm",
            "microexpr.magnify.phase:pmm",
            section="pmm",
            streams=True,
            colour="#D55E00",
            marker="s",
            line="-",
            label="PMM (phase)",
        ),
    ],
)
