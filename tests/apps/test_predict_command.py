"""``microexpr predict``: from a video to probabilities, tables and an annotated video."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from footage import luma_of, texture, times_of, write_images, write_video
from microexpr.cli import main
from microexpr.runtime.files import sha256_of
from microexpr.runtime.tables import seal
from trained_models import FACES, LABELS, PLAIN, export, settings

P = [f"p_{label}" for label in LABELS]


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """Give a model for real faces: magnified by pmm, seen by the shipped network."""
    config = settings(method="pmm", features=FACES, magnify={"pmm": {"orientations": 4}})
    return export(tmp_path_factory.mktemp("faces"), config, frames=30)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """Give a model for any pictures: no detector, no magnification, random weights."""
    return export(tmp_path_factory.mktemp("plain"), settings(crop={"detector": "none"}), fps=30.0)


def predict(capsys, model: Path, out: Path, *arguments: object) -> str:
    status = main(["predict", *map(str, arguments), "--model", str(model), "--output", str(out)])
    said = capsys.readouterr()
    assert status == 0, said.err
    return said.out


def refused(capsys, model: Path, out: Path, *arguments: object) -> str:
    assert main(["predict", *map(str, arguments), "--model", str(model), "--output", str(out)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("microexpr predict: ")
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


def moving(frames: int, height: int = 64, width: int = 86) -> list[np.ndarray]:
    image = texture(height, width)
    shifted = [np.roll(image, k, axis=1) for k in range(9)]
    return [shifted[k // 3 % 9] for k in range(frames)]


def check_sums(out: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    windows = pd.read_csv(out / f"{name}.windows.csv")
    pieces = pd.read_csv(out / f"{name}.pieces.csv")
    document = json.loads((out / f"{name}.json").read_text())
    assert len(windows) > 0
    np.testing.assert_allclose(windows[P].sum(axis=1), 1, atol=2e-6)
    answered = pieces[pieces["predicted"].notna()]
    np.testing.assert_allclose(answered[P].sum(axis=1), 1, atol=2e-6)
    assert sum(document["clip"]["probabilities"].values()) == pytest.approx(1, abs=2e-6)
    listed = [w["probabilities"] for piece in document["pieces"] for w in piece["windows"]]
    np.testing.assert_allclose(pd.DataFrame(listed)[list(LABELS)], windows[P])
    # A clip gets the mean over its windows (mean_softmax), a video that over its pieces.
    means = windows.groupby("piece")[P].mean()
    np.testing.assert_allclose(means, answered.set_index("piece")[P], atol=2e-6)
    np.testing.assert_allclose(
        means.mean(), [document["clip"]["probabilities"][k] for k in LABELS], atol=2e-6
    )
    return windows, pieces, document


@pytest.mark.slow
def test_a_real_face(capsys, tmp_path, shared_video, faces):
    source = shared_video("single_face.mp4")
    said = predict(capsys, faces, tmp_path, source)
    windows, pieces, document = check_sums(tmp_path, "single_face")
    frames = len(times_of(source))
    assert document["clip"]["frames"] == frames
    assert document["clip"]["frames_without_face"] == 0
    assert pieces["last_frame"].iloc[-1] == frames - 1
    assert list(pieces["first_frame"]) == [0, 15, 30, 45]
    assert (windows["last_frame"] - windows["first_frame"] == 6 * windows["step"]).all()
    assert len(times_of(tmp_path / "single_face.mp4")) == frames
    np.testing.assert_allclose(
        [float(t) for t in times_of(tmp_path / "single_face.mp4")],
        [float(t) for t in times_of(source)],
        atol=1e-3,
    )
    assert "not spotting" in said
    assert "SYNTHETIC" in said
    assert "out-of-fold accuracy 0.75 (95% interval 0.50-0.90), majority 0.33" in said
    # A smile is too large a motion for alpha 10, which the magnification says once.
    large, notice = sorted(document["notices"])
    assert "becomes" in large
    assert notice.endswith("the model was trained at 100: a window of 7 frames lasts "
                           f"{7 / document['clip']['fps']:.2g} s instead of 0.07 s")  # fmt: skip
    assert document["model"]["accuracy"]["accuracy"]["low"] == 0.5


@pytest.mark.slow
def test_a_face_that_leaves_the_picture(capsys, tmp_path, shared_video, faces):
    # With a rate that is given, its frames count as evenly spaced: each has a number of its own.
    source = [shared_video("face_noface.mov"), "--fps", 30]
    said = predict(capsys, faces, tmp_path, *source, "--piece", 24)
    windows, pieces, document = check_sums(tmp_path, "face_noface")
    clip = document["clip"]
    assert 0 < clip["frames_without_face"] < clip["frames"]
    assert 0 < clip["pieces_predicted"] < clip["pieces"]
    missed = {
        number
        for piece in document["pieces"]
        for start, stop in piece["without_face"]
        for number in range(start, stop + 1)
    }
    assert len(missed) == clip["frames_without_face"]
    # Windows at the edge hold some frames without a face, and say so.
    assert 0 < windows["frames_without_face"].max() <= 7
    unanswered = pieces[pieces["predicted"].isna()]
    assert unanswered["problem"].str.contains("face in").all()
    assert f"{clip['pieces_predicted']}/{clip['pieces']}" in said


def test_uneven_videos_and_images_are_resampled_with_a_notice(capsys, tmp_path, plain):
    there = [k for k in range(30) if k not in (9, 10, 11, 20)]
    pictures = [frame for k, frame in enumerate(moving(30)) if k in there]
    write_video(tmp_path / "v.mkv", pictures, pts=[20 * k for k in there], codec="ffv1")
    write_images(tmp_path / "i", moving(30))
    for k in range(30):
        if k not in there:
            (tmp_path / f"i/image{k + 1}.png").unlink()
    for name, options in (("v.mkv", []), ("i", ["--fps", 30])):
        out = tmp_path / f"of_{name}"
        predict(capsys, plain, out, tmp_path / name, *options)
        windows, _, document = check_sums(out, name.partition(".")[0])
        assert document["clip"]["frames"] == 30
        assert document["clip"]["fps"] == 30
        (notice,) = [text for text in document["notices"] if "uneven in time" in text]
        assert "are resampled to 30 at 30 frames/s, 4 of them interpolated" in notice
        spans = (windows["last_s"] - windows["first_s"]) * 30
        np.testing.assert_allclose(spans, 6 * windows["step"], atol=0.01)
        times = [float(t) for t in times_of(out / f"{name.partition('.')[0]}.mp4")]
        np.testing.assert_allclose(times, np.arange(30) / 30, atol=1e-3)


@pytest.mark.slow
def test_no_face_is_an_error_that_names_the_clip(capsys, tmp_path, shared_video, faces):
    out = tmp_path / "out"
    said = refused(capsys, faces, out, shared_video("no_face.mp4"))
    assert "clip no_face: no face in frames 0-4 (crop.first_frames 5" in said
    assert not out.exists() or list(out.iterdir()) == []


def test_other_clips_are_answered_where_one_fails(capsys, tmp_path, plain):
    write_video(tmp_path / "good.mp4", moving(12))
    write_video(tmp_path / "still.mp4", moving(1))
    said = refused(capsys, plain, tmp_path / "out", tmp_path / "*.mp4", "--no-video")
    assert "clip still: " in said
    clips = pd.read_csv(tmp_path / "out" / "clips.csv")
    assert list(clips["clip"]) == ["good"]
    np.testing.assert_allclose(clips[P].sum(axis=1), 1, atol=2e-6)
    assert not list((tmp_path / "out").glob("*still*"))
    assert not list((tmp_path / "out").glob("*.mp4"))


def test_what_is_answered_is_not_answered_again(capsys, tmp_path, plain):
    source, out = write_video(tmp_path / "a.mp4", moving(30)), tmp_path / "out"
    first = predict(capsys, plain, out, source)
    made = {path.name: path.stat().st_mtime_ns for path in out.iterdir() if path.name[0] == "a"}
    assert set(made) == {"a.json", "a.windows.csv", "a.pieces.csv", "a.mp4"}
    assert predict(capsys, plain, out, source) == first
    assert {name: (out / name).stat().st_mtime_ns for name in made} == made
    predict(capsys, plain, out, source, "--step", 3)
    assert (out / "a.json").stat().st_mtime_ns > made["a.json"]


def test_a_folder_of_images_equals_the_video(capsys, tmp_path, plain):
    write_video(tmp_path / "v.mkv", moving(40), codec="ffv1", pixel_format="gray")
    write_images(tmp_path / "frames", [np.rint(frame) for frame in moving(40)], first=95)
    predict(capsys, plain, tmp_path / "out", tmp_path / "v.mkv", tmp_path / "frames", "--fps", 30)
    video, _, _ = check_sums(tmp_path / "out", "v")
    images, _, _ = check_sums(tmp_path / "out", "frames")
    np.testing.assert_allclose(video[P], images[P], atol=1e-5)
    np.testing.assert_array_equal(video["first_frame"] + 95, images["first_frame"])


def turned(path: Path) -> Path:
    """Say in the header of an MP4 that it is to be shown turned by a quarter."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    one, zero = (1 << 16).to_bytes(4, "big"), bytes(4)
    minus = (-(1 << 16)).to_bytes(4, "big", signed=True)
    content[at : at + 20] = zero + one + zero + minus + zero
    path.write_bytes(content)
    return path


def test_odd_sizes_and_turned_videos(capsys, tmp_path, plain):
    odd = write_video(tmp_path / "odd.mkv", moving(12, 63, 497), codec="ffv1", pixel_format="gray")
    phone = turned(write_video(tmp_path / "phone.mp4", moving(12, 480, 640)))
    predict(capsys, plain, tmp_path / "out", odd, phone)
    panel = 22 * 5 + 10
    assert luma_of(tmp_path / "out/odd.mp4").shape == (12, 64 + panel, 498)
    assert luma_of(tmp_path / "out/phone.mp4").shape == (12, 640 + panel, 480)
    with av.open(str(tmp_path / "out/odd.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")


def test_what_is_cut_off_or_damaged_is_predicted_with_a_notice(capsys, tmp_path, plain):
    """A whole video with a longer sound gets none."""
    options = {"crf": "18", "g": "6"}
    path = write_video(tmp_path / "v.mkv", moving(48), options=options, sound="aac", sound_s=3.0)
    predict(capsys, plain, tmp_path / "whole", path, "--no-video")
    found = json.loads((tmp_path / "whole/v.json").read_text())
    assert (found["clip"]["frames"], found["notices"]) == (48, [])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 11 // 20])
    predict(capsys, plain, tmp_path / "cut", path, "--no-video")
    found = json.loads((tmp_path / "cut/v.json").read_text())
    assert 9 < found["clip"]["frames"] <= 48
    assert any("s, the file is cut off" in notice for notice in found["notices"])
    folder = write_images(tmp_path / "images", moving(24), bits=16)
    (folder / "image9.png").write_bytes((folder / "image9.png").read_bytes()[:999])
    predict(capsys, plain, tmp_path / "one", folder, "--fps", 30, "--no-video")
    found = json.loads((tmp_path / "one/images.json").read_text())
    assert any("1 images are left out, the first" in notice for notice in found["notices"])


def test_the_videos_rate_is_compared_with_that_of_training(capsys, tmp_path, plain, faces):
    source = write_video(tmp_path / "a.mp4", moving(12))
    predict(capsys, plain, tmp_path / "out", source)
    assert json.loads((tmp_path / "out/a.json").read_text())["notices"] == []
    slow = export(tmp_path / "slow", settings(method="amm", crop={"detector": "none"}), fps=100.0)
    said = refused(capsys, slow, tmp_path / "slow", source, "--fps", 15)
    assert "clip a: magnify.passband_hz: 10 Hz is not below the Nyquist frequency 7.5 Hz" in said


def test_bad_input_is_one_line(capsys, tmp_path, plain):
    video = write_video(tmp_path / "a.mp4", moving(12))
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    images = write_images(tmp_path / "images", moving(3))
    out = tmp_path / "out"
    for arguments, message in [
        ([tmp_path / "gone.mp4"], "gone.mp4 does not exist"),
        ([tmp_path / "*.avi"], "nothing matches"),
        ([tmp_path / "text.mp4"], "text.mp4 cannot be opened as a video"),
        ([tmp_path / "empty"], "holds no image"),
        ([images], "give the rate of the camera with --fps"),
        ([images / "image1.png"], "is a single image"),
        ([video, "--fps", -1], "argument --fps: -1 is not a number from 0.001"),
        ([video, "--piece", 7], "--piece 7: a window has 7 frames"),
        ([video, "--piece", 0], "--piece 0: a window has 7 frames"),
        ([video, "--step", 0], "--step 0: must lie between 1 and 13"),
        ([video, "--piece", 20, "--step", 14], "--step 14: must lie between 1 and 13"),
        ([video, "--weights", video], "random_mobilenet takes no file"),
    ]:
        assert message in refused(capsys, plain, out, *arguments)
    assert f"{video} is a clip to predict" in refused(capsys, plain, tmp_path, video)
    if not torch.cuda.is_available():
        assert "no CUDA device" in refused(capsys, plain, out, video, "--device", "cuda")
    assert not out.exists() or list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: (m / "config.json").unlink(), "no exported model"),
        (lambda m: rewrite(m, "{"), "config.json: cannot be read"),
        (lambda m: rewrite(m, "{}"), "config.json: format is missing"),
        (
            lambda m: rewrite(m, '{"format": "microexpr/exported 1.0"}'),
            "config.json: config is missing",
        ),
        (lambda m: (m / "config.json").write_text("{}"), "was changed after it was written"),
        (lambda m: (m / "config.json.sha256").unlink(), "has no seal (config.json.sha256)"),
        (lambda m: (m / "model.safetensors").unlink(), "model.safetensors does not exist"),
        (lambda m: (m / "model.safetensors").write_bytes(b"x"), "damaged, or not of the config"),
        (lambda m: edit(m, "weights", "sha256", "0" * 64), "trained with weights random"),
        (lambda m: edit(m, "config", "later", 1), "made by another version"),
        (lambda m: change(m, sha256={}), "sha256.model.safetensors is missing"),
        (lambda m: edit(m, "sha256", "model.safetensors", ""), "sha256.model.safetensors: String"),
        (lambda m: edit(m, "sha256", "../a", "0" * 64), "sha256.../a is no key"),
        (lambda m: edit(m, "weights", "sha256", None), "weights.sha256 must be a text"),
        (lambda m: edit(m, "trained_on", "fps", {}), "trained_on.fps.min is missing"),
        (
            lambda m: edit(m, "accuracy", "accuracy", {"value": "x"}),
            "accuracy.accuracy.value must be a number",
        ),
        (lambda m: edit(m, "trained_on", "frames", dict.fromkeys(SPREAD, float("nan"))), "frames."),
        (lambda m: change(m, config={}), "config.data is missing"),
        (lambda m: edit(m, "config", "data", {"labels": ["x", "y", "z"]}), "labels is ['negative'"),
        (lambda m: edit(m, "config", "model", {"method": "none", "n": 9}), "n is 7, config.json"),
        (lambda m: rewrite(m, "[" * 100_000), "config.json: cannot be read"),
        (lambda m: rewrite(m, "[1, 2]"), "config.json: cannot be read"),
        (lambda m: retensor(m, drop="classifier.lstm.weight_hh_l0"), "not a readable model"),
        (lambda m: retensor(m, drop="transform.shift"), "not a readable model ('transform.shift"),
        (lambda m: retensor(m, more="fine_tuned.a"), "not a readable model"),
        (lambda m: retensor(m, header="[]"), "format None, wanted"),
        (lambda m: retensor(m, header="{"), "not a readable model"),
    ],
)
def test_a_damaged_model_is_one_line(capsys, tmp_path, spoil, message):
    model = export(tmp_path / "m", settings(crop={"detector": "none"}))
    spoil(model)
    video = write_video(tmp_path / "a.mp4", moving(12))
    assert message in refused(capsys, model, tmp_path / "out", video)


SPREAD = ("min", "median", "max")


def change(model: Path, **entries: object) -> None:
    rewrite(model, json.dumps(json.loads((model / "config.json").read_text()) | entries))


def retensor(model: Path, *, drop: str = "", more: str = "", header: str = "") -> None:
    """Write other weights, with checksums and a seal that fit."""
    path = model / "model.safetensors"
    with safe_open(path, "pt") as file:
        tensors = {k: file.get_tensor(k) for k in file.keys() if k != drop}  # noqa: SIM118
        text = header or file.metadata()["microexpr"]
    tensors |= {more: torch.zeros(1)} if more else {}
    save_file(tensors, path, {"microexpr": text})
    edit(model, "sha256", path.name, sha256_of(path))


def edit(model: Path, section: str, key: str, value: object) -> None:
    about = json.loads((model / "config.json").read_text())
    about[section][key] = value
    rewrite(model, json.dumps(about))


def rewrite(model: Path, text: str) -> None:
    (model / "config.json").write_text(text)
    seal(model / "config.json")


def test_retrained_blocks_answer_too(capsys, tmp_path):
    config = settings(features=PLAIN | {"cut": 12}, crop={"detector": "none"})
    model = export(tmp_path / "m", config, fps=30.0)
    predict(capsys, model, tmp_path / "out", write_video(tmp_path / "a.mp4", moving(12)))
    check_sums(tmp_path / "out", "a")


# Not getrusage: its peak is inherited from the process that started this one.
MEASURE = """
import sys
from pathlib import Path
from microexpr.cli import main
status = main(sys.argv[1:])
print("peak", Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
sys.exit(status)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(tmp_path, plain):
    """All frames of the longer video would be 85 MB more."""
    peaks = []
    for frames in (70, 280):
        video = write_video(tmp_path / f"{frames}.mp4", moving(frames, 280, 480))
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, "predict", str(video), "--model", str(plain),
             "--output", str(tmp_path / "out"), "--step", "12"],
            text=True, capture_output=True, check=True,
        )  # fmt: skip
        peaks.append(int(done.stdout.split("peak ")[1]))
        assert len(times_of(tmp_path / "out" / f"{frames}.mp4")) == frames
    assert peaks[1] < 1.1 * peaks[0], peaks
