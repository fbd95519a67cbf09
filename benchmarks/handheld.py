"""Magnify a hand-held clip of a face with and without holding the face still.

    python benchmarks/handheld.py CLIP

For a clip of a face that smiles, filmed by hand. Two things are measured in the face:

- *not explained*: the share of the variance of blocks (16 px) of a magnified frame that no shift of
  the original frame by up to 24 px explains, in half pixels. A contour that is doubled, smeared or
  rings is no shifted piece of the original. 0.16 looks clean, 0.4 is broken.
- *smile*: how many times larger the motion in the passband is in the lower half of the face, which
  is held still in both: points that are followed, as for the gain that the command prints.

Exit status 1: alpha auto with the face held still is not clean, or the smile does not grow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np

from microexpr.apps.magnify_video.survey import MotionMeter, clip_filter
from microexpr.config import Magnify
from microexpr.face.detection import FaceDetector
from microexpr.face.steady import SteadyFace, steady_face

BLOCK, STEP, RADIUS = 16, 8, 24
LEAST_VARIANCE = 30.0  # grey levels squared
CLEAN, GROWS = 0.2, 1.25
HOW = cv2.WARP_INVERSE_MAP


def luma_of(path: Path) -> np.ndarray:
    """Read a video's luma, (T, H, W) uint8."""
    with av.open(str(path)) as container:
        frames = [f.reformat(format="gray").to_ndarray() for f in container.decode(video=0)]
    return np.stack(frames)


def not_explained(result: np.ndarray, original: np.ndarray, box: tuple[int, ...]) -> float:
    """Return the share of the variance of a frame's blocks that no shift of the original has."""
    x0, y0, wide, high = box
    twice = cv2.resize(original, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    height, width = original.shape
    left, total = 0.0, 0.0
    for y in range(max(RADIUS, y0), min(height - BLOCK - RADIUS, y0 + high - BLOCK), STEP):
        for x in range(max(RADIUS, x0), min(width - BLOCK - RADIUS, x0 + wide - BLOCK), STEP):
            block = result[y : y + BLOCK, x : x + BLOCK].astype(np.float32)
            variance = float(block.var())
            if variance < LEAST_VARIANCE:
                continue
            window = np.s_[y - RADIUS : y + BLOCK + RADIUS, x - RADIUS : x + BLOCK + RADIUS]
            found = [
                cv2.matchTemplate(
                    twice[down::2, across::2][window].astype(np.float32), block, cv2.TM_SQDIFF
                ).min()
                for down in (0, 1)
                for across in (0, 1)
            ]
            left += min(min(found) / BLOCK**2, variance)
            total += variance
    return left / total


def held(frames: np.ndarray, face: SteadyFace) -> list[np.ndarray]:
    """Return frames in which the face stands still."""
    return [
        cv2.warpAffine(frame, move, frame.shape[::-1], flags=cv2.INTER_CUBIC + HOW)
        for frame, move in zip(frames, face.transforms, strict=True)
    ]


def smile_gain(original: np.ndarray, result: np.ndarray, face: SteadyFace, fps: float) -> float:
    """Return how many times larger the motion in the band is in the lower part of the face."""
    x, y, wide, high = (int(side) for side in face.box)
    before = held(original, face)
    meter = MotionMeter(before[0], (x, y + high // 2, wide, high // 2))
    for pair in zip(before, held(result, face), strict=True):
        meter.add(pair)
    return meter.gain(0, clip_filter(len(original), fps, Magnify()), added=True).measured


def main() -> int:
    """Print one line for each way."""
    parser = argparse.ArgumentParser(description="Magnify a hand-held face, with and without.")
    parser.add_argument("clip", type=Path)
    clip = parser.parse_args().clip
    original, good = luma_of(clip), True
    detector = FaceDetector(min_score=0.7, width_px=320)
    face = steady_face(original, fps=30.0, detector=detector)
    assert face is not None, "no face in the first frames"
    box = np.array(face.box).astype(int)
    seen = range(0, len(original), 6)
    ways = [("held still", "auto", "face"), ("as it is", "auto", "none")]
    for number, (name, alpha, stabilise) in enumerate(ways):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.mp4"
            command = [sys.executable, "-m", "microexpr", "magnify", str(clip), str(out), "--json"]
            command += ["--alpha", alpha, "--stabilise", stabilise]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            made, result = json.loads(done.stdout), luma_of(out)
        shares = []
        for k in seen:
            shift = (face.transforms[k] @ (*box[:2], 1)).astype(int)
            shares.append(not_explained(result[k], original[k], (*shift, *box[2:])))
        smile = smile_gain(original, result, face, made["fps"])
        print(
            f"{name}: alpha {made['alpha']:g}, motion {made['motion']['in_band_px']:.2f} px, gain "
            f"{made['motion']['gain']}, not explained {np.mean(shares):.3f} (worst frame "
            f"{max(shares):.3f}), smile {smile:.2f} times",
            flush=True,
        )
        if number == 0:
            good = max(shares) < CLEAN and smile > GROWS
            ways.append(("as it is, the same alpha", f"{made['alpha']:g}", "none"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
