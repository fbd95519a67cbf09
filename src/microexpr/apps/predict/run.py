"""Clips that a command line names, each from file to files: decode, crop, recognise, write."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from microexpr import __version__
from microexpr.apps.predict import prediction_files as files
from microexpr.apps.predict.annotated_video import FOOT, Annotator
from microexpr.apps.predict.exported_model import SETTINGS, Exported
from microexpr.apps.predict.pieces import WHAT, Cutter, Prediction, recognise
from microexpr.datasets import decoder, sources
from microexpr.datasets.manifest import Clip
from microexpr.errors import ConfigError, DataError, about_clip
from microexpr.face.detection import WatchedFace, face_detector
from microexpr.fingerprints.code import fingerprint
from microexpr.fingerprints.definitions import Reference
from microexpr.runtime import resume
from microexpr.runtime.files import regular, replacing, sha256_of
from microexpr.runtime.names import identifier
from microexpr.runtime.notices import noted, notice
from microexpr.runtime.progress import track
from microexpr.video.suffixes import IMAGES, list_images, matching
from microexpr.video.time_axis import LONGEST_LENIENT_S, TimeAxis

log = logging.getLogger(__name__)
ROOT = Path()  # of the clips' sources
SYNTHETIC = "; SYNTHETIC training data"
UNKNOWN = "unknown"  # subject and label of a clip that nobody has annotated


def find(names: Sequence[str], fps: float | None = None) -> list[Clip]:
    """Find videos, folders of numbered images, and globs of them; `fps` is needed for images."""
    paths = list(dict.fromkeys(path for name in names for path in matching(name)))
    clips = [_clip(path, fps) for path in paths]
    counts = Counter(clip.clip_id for clip in clips)
    for i, (path, clip) in enumerate(zip(paths, clips, strict=True)):
        if counts[clip.clip_id] > 1:
            name = identifier(f"{path.resolve().parent.name}_{clip.clip_id}")
            clips[i] = clip.model_copy(update={"clip_id": name})
    name, count = Counter(clip.clip_id for clip in clips).most_common(1)[0]
    if count > 1:
        raise DataError(f"{count} clips have the name {name}; predict them one by one")
    return clips


def _clip(path: Path, fps: float | None) -> Clip:
    about: dict[str, Any] = {"source": str(path), "fps": fps or 0}
    about |= {"subject": UNKNOWN, "label": UNKNOWN}
    if not path.is_dir():
        if regular(path).suffix.lower() in IMAGES:
            raise DataError(f"{path} is a single image; give its folder")
        about |= {"clip_id": identifier(path.stem), "kind": "video"}
        return Clip(frames=0, first=0, last=0, **about)
    images = list_images(path)
    if not images:
        raise DataError(f"folder {path} holds no image ({', '.join(IMAGES)})")
    if fps is None:
        raise ConfigError(f"{path}: images carry no time; give the rate of the camera with --fps")
    about |= {"clip_id": identifier(path.resolve().name), "kind": "images"}
    return Clip(frames=len(images), first=images[0][0], last=images[-1][0], **about)


@dataclass(frozen=True)
class Request:
    """How clips are cut, and what is written."""

    folder: Path
    length: int  # frames of a piece
    step: int  # frames between the starts of two pieces
    annotate: bool = True  # write an annotated video


def make_request(
    exported: Exported, folder: Path, *, piece: int | None, step: int | None, annotate: bool
) -> Request:
    """Fill in what is left open: pieces as long as the longest training clip, by halves."""
    n = exported.config.model.n
    longest = int(exported.about["trained_on"]["frames"]["max"])
    length = piece if piece is not None else max(longest, n + 1)
    stride = step if step is not None else max(1, min(length // 2, length - n))
    if length <= n:
        raise ConfigError(f"--piece {length}: a window has {n} frames, a piece needs more")
    if not 1 <= stride <= length - n:
        raise ConfigError(
            f"--step {stride}: must lie between 1 and {length - n}, or a window of {n} frames at "
            f"the edge of a piece of {length} would be lost"
        )
    return Request(folder, length, stride, annotate)


def check_places(request: Request, clips: Sequence[Clip]) -> None:
    """Raise ConfigError where a clip would be written over."""
    inputs = {Path(clip.source).resolve() for clip in clips}
    for clip in clips:
        path = request.folder / f"{clip.clip_id}{files.VIDEO}"
        if request.annotate and path.resolve() in inputs:
            raise ConfigError(f"--output {request.folder}: {path} is a clip to predict")


def predict_clip(exported: Exported, clip: Clip, request: Request) -> dict[str, Any]:
    """Predict a clip, once for the same files and request; write its files and return its row."""
    digest = _digest(exported, clip, request)
    suffixes = [files.WINDOWS, files.PIECES, *([files.VIDEO] if request.annotate else [])]
    there = all((request.folder / f"{clip.clip_id}{suffix}").is_file() for suffix in suffixes)
    known = resume.finished(request.folder / f"{clip.clip_id}{files.JSON}", digest)
    if there and known and (done := known["clip"]):
        log.info("%s: predicted already", clip.clip_id)
        return dict(done)
    with files.writing(request.folder, exported, clip) as written, noted() as notices:
        with ExitStack() as stack:
            annotator = None
            if request.annotate:
                video = replacing(request.folder / f"{clip.clip_id}{files.VIDEO}")
                foot = FOOT + SYNTHETIC * exported.about["trained_on"]["synthetic"]
                annotated = Annotator(stack.enter_context(video), exported.labels, foot)
                annotator = stack.enter_context(annotated)
            for found in _predictions(exported, clip, request, annotator):
                written.add(found)
                if annotator is not None:
                    annotator.draw(found)
            row = written.row()
        made = {"software": f"microexpr {__version__}", "piece": request.length}
        made |= {"step": request.step, "digest": digest}
        about = {key: exported.about[key] for key in ("accuracy", "trained_on")}
        rest = {"clip": row, "notices": notices, "what": WHAT, "model": about, "made": made}
        written.finish(rest)
    return row


def _predictions(
    exported: Exported, clip: Clip, request: Request, annotator: Annotator | None
) -> Iterator[Prediction]:
    settings, axis = exported.config.crop, _axis(clip)
    detector = face_detector(settings)
    # Whoever is in sight for the first frames of a piece sets its transform.
    watched = WatchedFace(detector, settings.first_frames) if detector else None
    cutter = Cutter(clip.clip_id, settings, length=request.length, step=request.step)
    chunks = decoder.decode(ROOT, clip, "lenient", axis=axis)
    frames = (row for c in chunks for row in zip(c.rgb, c.number, c.time, strict=True))
    for rgb, number, time in track(frames, clip.clip_id, total=len(axis)):
        face = watched.detect(rgb) if watched else None
        if annotator is not None:
            annotator.hold(rgb, time, face)
        if piece := cutter.add(rgb, number, time, face):
            yield recognise(exported, piece, name=clip.clip_id, fps=axis.fps)
    if piece := cutter.finish():
        yield recognise(exported, piece, name=clip.clip_id, fps=axis.fps)


def _axis(clip: Clip) -> TimeAxis:
    """Return when the frames of a clip were taken; say so where they are resampled."""
    with about_clip(clip.clip_id):
        axis = decoder.clip_axis(ROOT, clip, "lenient")
        axis.check(decoder.frame_numbers(clip, axis), "resample", LONGEST_LENIENT_S)
    if not axis.even:
        notice(f"{clip.clip_id}: uneven in time: {axis.summary()}")
    return axis


def _digest(exported: Exported, clip: Clip, request: Request) -> str:
    """Return a checksum of all that a prediction follows from."""
    follows = {"source": sources.content(ROOT, clip), "fps": clip.fps}
    follows |= {"model": sha256_of(exported.folder / SETTINGS)}
    follows |= {"request": {k: v for k, v in asdict(request).items() if k != "folder"}}
    return resume.digest(follows | {"code": fingerprint(Reference(__name__, "predict_clip"))})
