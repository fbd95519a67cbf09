"""Write the generated data set: SMIC's folders of frames, and the ground truth beside them."""

import json
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from microexpr.config import Demo
from microexpr.demo import FPS, TREE
from microexpr.demo.clip import ROI_HEIGHT_PX, ROI_WIDTH_PX, Portrait, Scenario, frames
from microexpr.demo.identity import Array, Identity, landmarks_px
from microexpr.demo.plan import PlannedClip, plan
from microexpr.errors import ConfigError, DataError
from microexpr.runtime.files import replacing, write_text
from microexpr.runtime.progress import track

TRUTH = "truth"
PNG_OPTIONS = (  # half the time of OpenCV's defaults; noise hardly compresses
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)


def write(root: Path, settings: Demo, subjects: Sequence[str] | None = None) -> list[PlannedClip]:
    """Render and write clips with their ground truth; all, or those of `subjects` such as ``s3``.

    Frames go to ``SMIC_all_raw/HS/s{n}/micro/{class}/{clip_id}/image{counter}.png``, ground truth
    to ``truth/{clip_id}.json`` and ``truth/{clip_id}.npz``: ``displacement``, px, x first, of the
    expression at the apex (the frame shows at p what the still shows at p - displacement(p)),
    ``roi``, x, y, width, height of the only part that changes, and ``landmarks`` at rest. A clip's
    folder appears when all is complete; clips that are no longer planned are removed.
    """
    planned = plan(settings)
    known = {clip.subject for clip in planned}
    if unknown := sorted(set(subjects or ()) - known):
        raise ConfigError(f"demo: no subject {unknown[0]} (demo.subjects is {settings.subjects})")
    wanted = [clip for clip in planned if subjects is None or clip.subject in subjects]
    for clip in wanted:  # without ground truth, it was not written by the demo
        if (root / clip.folder).exists() and not _truth(root, clip.clip_id, "json").exists():
            raise DataError(
                f"{clip.clip_id}: {root / clip.folder} holds other data; choose another data.root"
            )
    _remove_unplanned(root, planned, known if subjects is None else set(subjects))
    portrait_of = lru_cache(maxsize=1)(lambda n: Portrait.of(Identity.of(settings.seed, n)))
    for clip in track(wanted, "demo clips"):
        portrait = portrait_of(clip.subject_number)
        _write_clip(root, Scenario.draw(clip, settings, portrait.who), settings, portrait)
    return wanted


def _remove_unplanned(root: Path, planned: list[PlannedClip], subjects: set[str]) -> None:
    """Remove the subjects' clips of earlier settings."""
    keep = {clip.clip_id for clip in planned}
    for path in sorted((root / TRUTH).glob("s*_*_*.json")):
        subject = path.stem.split("_")[0]
        if subject in subjects and path.stem not in keep:
            for folder in (root / TREE / subject / "micro").glob(f"*/{path.stem}"):
                shutil.rmtree(folder)
            _truth(root, path.stem, "npz").unlink(missing_ok=True)
            path.unlink()


def _write_clip(root: Path, scenario: Scenario, settings: Demo, portrait: Portrait) -> None:
    """Write one clip; its folder exists with all frames and its truth, or not at all."""
    target = root / scenario.clip.folder
    fresh = target.with_name(f".{target.name}.tmp")
    old = target.with_name(f".{target.name}.old.tmp")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        names = scenario.clip.file_names
        for name, frame in zip(names, frames(scenario, settings, portrait), strict=True):
            (fresh / name).write_bytes(_png(frame))
        if target.exists():
            target.rename(old)
        _write_truth(root, scenario, settings)
        fresh.rename(target)
    finally:
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)


def _png(frame: Array) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), PNG_OPTIONS)
    if not done:
        raise OSError("PNG encoder failed")
    return data.tobytes()


def _truth(root: Path, clip_id: str, kind: str) -> Path:
    return root / TRUTH / f"{clip_id}.{kind}"


def _write_truth(root: Path, scenario: Scenario, settings: Demo) -> None:
    clip_id = scenario.clip.clip_id
    with replacing(_truth(root, clip_id, "npz")) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            displacement=scenario.apex_displacement_px.astype(np.float16),
            roi=np.array(_roi(scenario), dtype=np.int32),
            landmarks=landmarks_px(scenario.who).astype(np.float32),
        )
    text = json.dumps(_record(scenario, settings), indent=1, default=vars)
    write_text(_truth(root, clip_id, "json"), text)


def _roi(scenario: Scenario) -> list[int]:
    rows, columns = scenario.window
    return [columns.start, rows.start, ROI_WIDTH_PX, ROI_HEIGHT_PX]


def _record(scenario: Scenario, settings: Demo) -> dict[str, object]:
    """Ground truth of a clip: frame indices from 0, px of the 640x480 picture."""
    clip, when = scenario.clip, scenario.when
    actions, nuisance = scenario.actions, scenario.nuisance
    return {
        **{key: getattr(clip, key) for key in ("clip_id", "subject", "label")},
        "fps": FPS,
        **{key: getattr(clip, key) for key in ("frames", "first_counter")},
        **{key: getattr(when, key) for key in ("onset", "apex", "offset")},
        "profile": when.profile().tolist(),
        "actions": actions,
        "drift_px": nuisance.head[:, :2].tolist(),
        "roll_rad": nuisance.head[:, 2].tolist(),
        "zoom": nuisance.head[:, 3].tolist(),
        "distraction_px": nuisance.distraction.tolist(),
        "gaze_px": nuisance.gaze_px,
        "gaze_frame": nuisance.gaze_frame,
        "gain": nuisance.gain.tolist(),
        "roi": _roi(scenario),
        "identity": scenario.who,
        "settings": settings.model_dump(exclude={"subjects", "clips_per_class"}),
    }
