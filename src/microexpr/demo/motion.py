"""What moves: facial action units as displacement fields.

An action unit (FACS) is a set of Gaussian-weighted moves of points of one half of the face in the
canonical frame, mirrored to the other half with a little asymmetry. The classes differ in their
action units and in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from microexpr.demo.geometry import Array, bump, to_picture_axes
from microexpr.demo.identity import Identity


class Move(NamedTuple):
    """A point, its direction of motion, and the reach (sd) of the skin that follows."""

    x: float
    y: float
    dx: float
    dy: float
    sd: float


class Repertoire(NamedTuple):
    """Action units of a class: what may occur, and of which at least one does."""

    units: tuple[int, ...]
    core: tuple[int, ...]


REPERTOIRES = {
    "negative": Repertoire(units=(4, 7, 15), core=(4, 15)),
    "positive": Repertoire(units=(6, 12), core=(12,)),
    "surprise": Repertoire(units=(1, 2, 5, 26), core=(1, 2)),
}


def action_units(who: Identity) -> dict[int, tuple[Move, ...]]:
    """Return the moves of each action unit on this face, x to the side of the mirrored half."""
    brow, mouth, chin = who.brows.y, who.mouth, who.head.chin_y
    corner = mouth.half_width
    return {
        1: (Move(0.2, brow, 0, -1, 0.16),),  # inner brow raiser
        2: (Move(0.62, brow, 0, -0.9, 0.17),),  # outer brow raiser
        4: (  # brow lowerer
            Move(0.18, brow, -0.45, 0.85, 0.17),
            Move(0.5, brow + 0.03, -0.1, 0.5, 0.14),
        ),
        5: (Move(0.5, -0.1, 0, -0.6, 0.09),),  # upper lid raiser
        6: (Move(0.6, 0.32, -0.05, -0.8, 0.2), Move(0.72, 0.05, -0.2, -0.25, 0.1)),  # cheek raiser
        7: (Move(0.5, 0.09, 0, -0.5, 0.1), Move(0.5, -0.08, 0, 0.35, 0.08)),  # lid tightener
        12: (Move(corner, mouth.y, 0.65, -0.8, 0.18),),  # lip corner puller
        15: (Move(corner, mouth.y, 0.1, 0.95, 0.17),),  # lip corner depressor
        26: (
            Move(0.12, mouth.y + 0.12, 0, 0.9, 0.2),
            Move(0.1, chin - 0.25, 0, 1, 0.28),
        ),  # jaw drop
    }


@dataclass(frozen=True)
class Action:
    """The expression of one clip.

    Attributes
    ----------
    units : tuple of int
        Action units, ascending.
    weights : tuple of float
        Their relative strengths.
    asymmetry : float
        Gain of the right half of the picture is 1 + asymmetry, of the left 1 - asymmetry.
    peak_px : float
        Largest displacement at the apex.
    """

    units: tuple[int, ...]
    weights: tuple[float, ...]
    asymmetry: float
    peak_px: float

    @classmethod
    def draw(cls, label: str, amplitude_px: float, rng: np.random.Generator) -> Action:
        """Draw action units of a class; the peak is `amplitude_px` times U(0.7, 1.3)."""
        repertoire = REPERTOIRES[label]
        core = int(rng.choice(repertoire.core))
        joins = rng.random(len(repertoire.units)) < 0.6
        units = [
            unit
            for unit, joined in zip(repertoire.units, joins, strict=True)
            if joined or unit == core
        ]
        return cls(
            units=tuple(units),
            weights=tuple(rng.uniform(0.6, 1.2, len(units)).tolist()),
            asymmetry=float(rng.normal(0, 0.15)),
            peak_px=float(amplitude_px * rng.uniform(0.7, 1.3)),
        )

    def field(self, who: Identity, x: Array, y: Array) -> Array:
        """Return the displacement at canonical points, relative to the peak.

        Parameters
        ----------
        who : Identity
            Whose face.
        x, y : ndarray
            Canonical coordinates, (h, w).

        Returns
        -------
        ndarray
            In picture axes (x right, y down), float32 (2, h, w); the largest norm is 1.
        """
        moves = action_units(who)
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for unit, weight in zip(self.units, self.weights, strict=True):
            for move in moves[unit]:
                for side in (1, -1):
                    gain = weight * (1 + side * self.asymmetry)
                    pull = gain * bump(x, y, (side * move.x, move.y), move.sd)
                    dx += side * move.dx * pull
                    dy += move.dy * pull
        return to_picture_axes(who.placement, *unit_peak(dx, dy))


def unit_peak(dx: Array, dy: Array) -> tuple[Array, Array]:
    """Scale a vector field to a largest norm of 1."""
    peak = np.hypot(dx, dy).max()
    return dx / peak, dy / peak
