"""Sections ``crop`` and ``magnify``: from frames to what the network sees."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from microexpr.config.base import Fraction, Positive, Section

Method = Literal["none", "filter_only", "amm", "pmm"]


class Crop(Section):
    """One similarity transform a clip."""

    detector: Literal["yunet", "none"] = Field(
        "yunet", description="none: the clips are cropped already and are only resized"
    )
    size_px: int = Field(224, ge=32, le=1024, description="side of the square crop")
    margin: float = Field(0.15, ge=-0.3, le=2, description="added to the face box, relative")
    level_eyes: bool = Field(True, description="rotate so that the eyes lie level")
    first_frames: int = Field(5, ge=1, description="frames whose median sets the transform")
    min_score: Fraction = Field(0.7, description="detections below this score do not count")
    detection_width_px: int = Field(320, ge=80, description="frames are shrunk to it to detect")
    min_detected: Fraction = Field(
        0.5, description="share of a clip's frames with a face below which the clip fails"
    )


class Amm(Section):
    """Amplitude-based magnification: Laplacian pyramid (Wu et al. 2012)."""

    levels: int = Field(6, ge=1, le=10, description="pyramid levels")
    lambda_c_px: float = Field(
        16.0, ge=0, description="wavelengths below get less gain (Wu eq. 14); 0: same gain for all"
    )


class Pmm(Section):
    """Phase-based magnification: complex steerable pyramid (Wadhwa et al. 2013)."""

    levels: int | None = Field(None, ge=1, le=10, description="octaves; null: as many as fit")
    orientations: int = Field(8, ge=1, le=16, description="orientation bands")
    per_octave: Literal[1, 2] = Field(1, description="1: octave, 2: half-octave bands")
    smoothing_px: float = Field(
        2.0, ge=0, description="sd of the amplitude-weighted phase smoothing, px of the band"
    )


class Magnify(Section):
    """Motion magnification."""

    methods: list[Method] = Field(
        ["amm", "pmm", "none", "filter_only"], min_length=1, description="methods of the comparison"
    )
    alpha: float = Field(10.0, ge=0, le=200, description="motion becomes (1 + alpha) times larger")
    passband_hz: tuple[Positive, Positive] = Field((0.5, 10.0), description="low and high, Hz")
    temporal_filter: Literal["butterworth", "ideal", "iir", "reference"] = Field(
        "butterworth",
        description="butterworth: zero-phase; ideal: FFT bins; iir: causal; "
        "reference: difference to reference_frame",
    )
    order: int = Field(1, ge=1, le=6, description="filter order of butterworth and iir")
    reference_frame: int = Field(0, ge=0, description="frame that phases and differences refer to")
    amm: Amm = Amm()
    pmm: Pmm = Pmm()

    @model_validator(mode="after")
    def _band(self) -> Magnify:
        if self.passband_hz[0] >= self.passband_hz[1]:
            raise ValueError("passband_hz: the low edge must lie below the high edge")
        return self
