"""What is said about a result: one line for people, a dictionary for programs, a file beside it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from microexpr import __version__
from microexpr.apps.magnify_video import memory
from microexpr.apps.magnify_video import motion as theory
from microexpr.apps.magnify_video.motion import Motion, Response
from microexpr.apps.magnify_video.plan import Plan
from microexpr.fingerprints.definitions import Reference
from microexpr.fingerprints.fingerprint import fingerprint
from microexpr.runtime.files import sha256_of
from microexpr.video.writer import CRF, PRESET

LIBRARIES = ("torch", "numpy", "scipy", "opencv-python-headless", "av")
SPATIAL = {"amm": "amm", "pmm": "pmm", "filter_only": "amm"}  # section that a method reads


@dataclass(frozen=True)
class Outcome:
    """One output.

    Parameters
    ----------
    path : Path
    alpha : float
    motion : Motion
    response : Response
        What the temporal filter passes.
    detail_wavelength_px : float
        Of the first frame.
    seconds : dict
        For each stage.
    notices : list of str
    """

    path: Path
    alpha: float
    motion: Motion
    response: Response
    detail_wavelength_px: float
    seconds: dict[str, float]
    notices: list[str]


def report(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    """Put an outcome into a dictionary of plain values; what cannot be measured is null."""
    request, motion = plan.request, outcome.motion
    bound = theory.bound(
        request.method,
        request.settings,
        detail_wavelength_px=outcome.detail_wavelength_px,
        alpha=outcome.alpha,
        delta_px=motion.in_band_px,
    )
    return _plain(
        {
            "input": str(plan.source.files[0] if len(plan.source.files) == 1 else plan.source.name),
            "output": str(outcome.path),
            "method": request.method,
            "alpha": outcome.alpha,
            "passband_hz": list(request.settings.passband_hz),
            "temporal_filter": request.settings.temporal_filter,
            "frames": plan.task.n_frames,
            "fps": plan.grid.fps,
            "width_px": plan.output_size[0],
            "height_px": plan.output_size[1],
            "roi": request.roi,
            "filter_gain": asdict(outcome.response),
            "motion": asdict(motion),
            "bound": asdict(bound) if bound else None,
            "seconds": outcome.seconds,
            "memory_estimate_gb": plan.memory_bytes / memory.GB,
            "device": request.device,
            "notices": outcome.notices,
        }
    )


def _plain(value: Any) -> Any:
    """Round numbers to six digits; JSON has no nan."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def provenance(plan: Plan) -> dict[str, Any]:
    """Everything that is needed to make the output again."""
    request, section = plan.request, SPATIAL[plan.request.method]
    settings = request.settings.model_dump(exclude={"methods", "alpha", "amm", "pmm"})
    settings |= {section: getattr(request.settings, section).model_dump()}
    return {
        "parameters": settings
        | {
            "chroma_gain": request.chroma_gain,
            "roi": request.roi,
            "capture_fps": plan.source.capture_fps,
            "side_by_side": request.side_by_side,
            "stream": request.stream,
            "x264": {"crf": CRF, "preset": PRESET},
        },
        "source": {"files": len(plan.source.files), "sha256": _checksum(plan.source.files)},
        "software": f"microexpr {__version__}",
        "source_sha256": fingerprint(Reference("microexpr.apps.magnify_video.run", "magnify_clip")),
        "environment": {name: version(name) for name in LIBRARIES},
    }


def _checksum(files: tuple[Path, ...]) -> str:
    """Of a file; of several: of their checksums, one a line, in order of time."""
    sums = [sha256_of(path) for path in files]
    if len(sums) == 1:
        return sums[0]
    return hashlib.sha256("".join(f"{s}\n" for s in sums).encode()).hexdigest()


def summary(made: dict[str, Any]) -> str:
    """One line for people."""
    motion, seconds = made["motion"], sum(made["seconds"].values())
    text = f"{made['output']}: {made['method']}, alpha {made['alpha']:g}, {made['frames']} frames"
    if motion["in_band_px"] is not None:
        text += f", {motion['in_band_px']:.2g} px of motion in the band"
    if motion["gain"] is not None:
        text += f" became {motion['gain']:.3g} times larger"
    return f"{text}; {seconds:.1f} s"
