"""The folders: SMIC's layout, the same bytes each time, whole clips or none."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from microexpr.config import Demo
from microexpr.demo import tree
from microexpr.demo.plan import plan
from microexpr.demo.tree import write
from microexpr.errors import ConfigError, DataError

SHORT = {"clips_per_class": 1, "median_frames": 8, "min_frames": 7, "max_frames": 9}
SETTINGS = Demo(subjects=2, **SHORT)


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    assert write(root, SETTINGS) == plan(SETTINGS)
    return root


def test_layout_is_the_plan(root: Path) -> None:
    expected = set()
    for clip in plan(SETTINGS):
        numbers = range(clip.first_counter, clip.first_counter + clip.frames)
        expected |= {f"{clip.folder}/image{number}.png" for number in numbers}
        expected |= {f"truth/{clip.clip_id}.json", f"truth/{clip.clip_id}.npz"}
    assert set(contents(root)) == expected


def test_numeric_order_is_order_in_time(tmp_path: Path) -> None:
    """Frames in the order of their counters must brighten and darken as the truth says."""
    settings = Demo(subjects=1, noise_sigma=0, flicker=0.3, **SHORT)
    for clip in write(tmp_path, settings):
        record = json.loads((tmp_path / "truth" / f"{clip.clip_id}.json").read_text())
        x, y, width, height = record["roi"]
        paths = (tmp_path / clip.folder).glob("*.png")
        ordered = sorted(paths, key=lambda path: int(path.stem.removeprefix("image")))
        assert [path.name for path in ordered] == clip.file_names
        means = [cv2.imread(str(path))[y : y + height, x : x + width].mean() for path in ordered]
        expected = np.array(record["gain"]) / record["gain"][0]
        assert np.ptp(expected) > 0.05
        assert np.allclose(np.array(means) / means[0], expected, atol=0.03)


def test_frames_are_smic_sized_and_only_the_roi_changes(root: Path) -> None:
    for clip in plan(SETTINGS):
        x, y, width, height = np.load(root / "truth" / f"{clip.clip_id}.npz")["roi"]
        shown = [cv2.imread(str(root / clip.folder / name), -1) for name in clip.file_names]
        inside = np.zeros((480, 640), bool)
        inside[y : y + height, x : x + width] = True
        for frame in shown:
            assert frame.shape == (480, 640, 3)
            assert frame.dtype == np.uint8
            assert np.array_equal(frame[~inside], shown[0][~inside])
        assert not np.array_equal(shown[0], shown[-1])


def test_truth_agrees_with_itself_and_the_plan(root: Path) -> None:
    for clip in plan(SETTINGS):
        record = json.loads((root / "truth" / f"{clip.clip_id}.json").read_text(encoding="utf-8"))
        arrays = np.load(root / "truth" / f"{clip.clip_id}.npz")
        displacement = arrays["displacement"]
        assert displacement.dtype == np.float16
        assert arrays["roi"].tolist() == record["roi"]
        assert displacement.shape == (2, record["roi"][3], record["roi"][2])
        peak = np.hypot(*displacement.astype(float)).max()
        peaks = [action["peak_px"] for action in record["actions"]]
        assert len(peaks) == (1 if clip.label == "surprise" else 2)
        # Of two actions, half of each is seen at the apex; where both move a point, they add up.
        least = 0.99 if len(peaks) == 1 else 0.7
        assert least * max(peaks) / len(peaks) <= peak <= 1.01 * sum(peaks) / len(peaks)
        assert all(0.7 * 0.5 <= value <= 1.3 * 0.5 for value in peaks)
        border = np.concatenate([displacement[:, 0], displacement[:, -1]], axis=1)
        assert np.abs(border).max() < 0.05 * peak
        for name in ("frames", "apex", "label", "subject", "first_counter"):
            assert record[name] == getattr(clip, name)
        assert record["fps"] == 100
        for name in ("profile", "drift_px", "gain"):
            assert len(record[name]) == clip.frames
        assert arrays["landmarks"].shape == (5, 2)


def test_a_subject_alone_and_in_a_larger_set_has_the_same_bytes(root: Path, tmp_path: Path) -> None:
    write(tmp_path, Demo(subjects=5, **SHORT), ["s2"])
    alone = contents(tmp_path)
    whole = contents(root)
    assert len(alone) > 20
    assert alone == {name: whole[name] for name in alone}
    assert not any("s1" in name for name in alone)


def test_rewriting_changes_nothing(root: Path) -> None:
    before = contents(root)
    write(root, SETTINGS, ["s1"])
    assert contents(root) == before


def fail_at(call: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the encoder fail at one call."""
    encode, calls = tree._png, []

    def failing(frame: np.ndarray) -> bytes:
        calls.append(frame)
        if len(calls) == call:
            raise error
        return encode(frame)

    monkeypatch.setattr(tree, "_png", failing)


def test_a_full_disk_leaves_no_half_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = plan(SETTINGS)[0]
    with monkeypatch.context() as patch:
        fail_at(first.frames + 3, OSError(28, "No space left on device"), patch)
        with pytest.raises(OSError, match="No space left"):  # the command names the clip
            write(tmp_path, SETTINGS, ["s1"])
    left = contents(tmp_path)
    assert {Path(name).parent.name for name in left} == {first.clip_id, "truth"}
    assert len(left) == first.frames + 2
    write(tmp_path, SETTINGS, ["s1"])
    assert contents(tmp_path).items() > left.items()


def test_an_interrupted_rewrite_leaves_the_old_clip(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(root)
    with monkeypatch.context() as patch:
        fail_at(3, KeyboardInterrupt(), patch)
        with pytest.raises(KeyboardInterrupt):
            write(root, SETTINGS.model_copy(update={"amplitude_px": 3.0}), ["s1"])
    assert contents(root) == before


@pytest.mark.slow
def test_clips_that_are_no_longer_planned_go(tmp_path: Path) -> None:
    more = Demo(subjects=1, **{**SHORT, "clips_per_class": 2})
    write(tmp_path, more)
    fewer = Demo(subjects=1, **SHORT)
    planned = write(tmp_path, fewer)
    assert len(planned) == 3
    folders = {path.parent for path in tmp_path.glob("SMIC_all_raw/HS/*/micro/*/*/*.png")}
    assert folders == {tmp_path / clip.folder for clip in planned}
    assert len(list((tmp_path / "truth").iterdir())) == 6


def test_other_data_is_not_overwritten(tmp_path: Path) -> None:
    recorded = tmp_path / plan(SETTINGS)[0].folder
    recorded.mkdir(parents=True)
    (recorded / "image1.bmp").write_bytes(b"recorded")
    with pytest.raises(DataError, match=r"s1_ne_01.*data\.root"):
        write(tmp_path, SETTINGS)
    assert contents(tmp_path) == {f"{plan(SETTINGS)[0].folder}/image1.bmp": b"recorded"}


def test_unknown_subject_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"s3.*demo\.subjects is 2"):
        write(tmp_path, SETTINGS, ["s1", "s3"])
    assert not contents(tmp_path)
