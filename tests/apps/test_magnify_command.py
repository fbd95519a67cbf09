"""``microexpr magnify``: from a video file to a video file, and from a cache to a cache."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from footage import (
    FPS,
    luma_of,
    moving,
    shift_px,
    sound_of,
    swing,
    texture,
    times_of,
    write_images,
    write_video,
)
from microexpr.cli import main
from microexpr.cli.options import flag_of
from microexpr.config.preprocessing import Motion
from microexpr.magnify.methods import METHODS

IMAGE = texture(96, 128)
MOTION = swing(30, 0.15)
BAND = ["--passband", "2", "4", "--filter", "ideal"]


@pytest.fixture
def video(tmp_path) -> Path:
    return write_video(tmp_path / "in.mp4", moving(IMAGE, MOTION), sound="aac")


def magnify(capsys, source, output, *options: object) -> list[dict]:
    """Run the command; give its lines of JSON."""
    status = main(["magnify", str(source), str(output), *map(str, options), "--json"])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return [json.loads(line) for line in captured.out.splitlines()]


def refused(capsys, *arguments: object) -> str:
    """Run a command that must fail; give the one line that it says."""
    assert main(["magnify", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [x for x in captured.err.splitlines() if x.startswith("microexpr magnify: ")]
    assert captured.err.endswith(f"{line}\n")
    return line.removeprefix("microexpr magnify: ")


def gain_of(path: Path, alpha: float, motion: np.ndarray = MOTION) -> float:
    """Motion in a written file over (1 + alpha) times the original's."""
    seen = np.array([shift_px(frame.astype(float), IMAGE) for frame in luma_of(path)])
    return float((seen - seen[0]) @ motion / (motion @ motion) / (1 + alpha))


@pytest.mark.parametrize("method", ["amm", "pmm"])
def test_motion_sound_times_and_length(capsys, tmp_path, video, method):
    config = json.dumps({"magnify": {"amm": {"lambda_c_px": 0}}})
    out = tmp_path / "out.mp4"
    # Three whole periods, so that the reference difference passes the motion as it is.
    (made,) = magnify(
        capsys, video, out, "--method", method, "--alpha", 5, "--filter", "reference",
        "--passband", 2, 4, "--config", config,
    )  # fmt: skip
    assert gain_of(out, 5) == pytest.approx(1, abs=0.12)  # the image is cyclic, pmm is not
    assert times_of(out) == times_of(video)
    (codec, heard), (copied_codec, copied) = sound_of(video), sound_of(out)
    assert codec == copied_codec
    np.testing.assert_array_equal(heard, copied)
    assert (made["frames"], made["fps"]) == (30, pytest.approx(30))
    assert made["motion"]["in_band_px"] == pytest.approx(0.15, abs=0.03)
    assert made["motion"]["wanted_gain"] == 6
    assert made["motion"]["gain"] == pytest.approx(6, rel=0.1)


def test_the_report_and_the_file_beside_the_output(capsys, tmp_path, video):
    out = tmp_path / "out.mp4"
    (made,) = magnify(capsys, video, out, "--method", "pmm", "--alpha", 20, *BAND)
    assert set(made["seconds"]) == {"measure", "read", "magnify", "write"}
    assert all(value > 0 for value in made["seconds"].values())
    assert made["filter_gain"]["smallest"] == pytest.approx(1, abs=0.1)
    wavelength = made["bound"]["detail_wavelength_px"]
    assert made["bound"]["limit_px"] == pytest.approx(1.5 * wavelength, rel=1e-4)
    assert made["bound"]["magnified_px"] == pytest.approx(
        21 * made["motion"]["in_band_px"], rel=1e-3
    )
    assert 0.3 < made["memory_estimate_gb"] < 1
    beside = json.loads((tmp_path / "out.mp4.json").read_text())
    assert made.items() <= beside.items()
    assert beside["parameters"]["pmm"]["orientations"] == 5
    assert beside["source"]["sha256"] == hashlib.sha256(video.read_bytes()).hexdigest()
    assert set(beside["environment"]) >= {"torch", "av"}


def test_all_settings_of_the_methods_are_options(capsys, tmp_path, video):
    """A key that is added to a settings class can be given on the command line."""
    arguments = {
        "amm": ["--levels", 3, "--lambda-c", 0],
        "pmm": ["--levels", 2, "--per-octave", 2, "--smoothing", 0.5, "--orientations", 4],
    }
    wanted = {
        "amm": {"levels": 3, "lambda_c_px": 0},
        "pmm": {"levels": 2, "per_octave": 2, "smoothing_px": 0.5, "orientations": 4},
    }
    for method, options in arguments.items():
        out = tmp_path / f"{method}.mp4"
        magnify(
            capsys, video, out, "--method", method, *BAND, "--reference-frame", 3, *options
        )  # fmt: skip
        parameters = json.loads(Path(f"{out}.json").read_text())["parameters"]
        assert parameters["reference_frame"] == 3
        assert wanted[method].items() <= parameters[method].items()
    with pytest.raises(SystemExit):
        main(["magnify", "--help"])
    shown = capsys.readouterr().out
    for settings in (Motion, *(row.settings for row in METHODS.values() if row.settings)):
        for key in settings.model_fields:
            assert f"  {flag_of(key)} " in shown or f"  {flag_of(key)}," in shown, key


def test_people_get_a_line(capsys, caplog, tmp_path, video):
    caplog.set_level(logging.INFO)
    assert main(["magnify", str(video), str(tmp_path / "o.mp4"), *BAND, "--alpha", "10"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = re.search(
        r"o.mp4: pmm, alpha 10, 30 frames, (0\.\d+) px of motion: 11 times wanted, (.*) measured",
        line,
    )
    assert float(said[1]) == pytest.approx(0.15, abs=0.08)  # anchored, it is larger
    assert float(said[2]) == pytest.approx(11, rel=0.15)
    assert "in: 30 frames of 128x96 px at 30 frames/s, 2 to 4 Hz, about 0.4" in caplog.text


def test_a_sweep_writes_a_file_for_each_alpha(capsys, tmp_path, video):
    made = magnify(
        capsys, video, tmp_path / "o.mp4", "--method", "pmm", "--alpha", "1,3,6.5", *BAND
    )
    names = ["o_a1.mp4", "o_a3.mp4", "o_a6.5.mp4"]
    assert [Path(m["output"]).name for m in made] == names
    assert [m["alpha"] for m in made] == [1, 3, 6.5]
    gains = [m["motion"]["gain"] for m in made]
    assert all(b > 1.3 * a for a, b in pairwise(gains))
    assert len({m["motion"]["in_band_px"] for m in made}) == 1
    alone = tmp_path / "alone.mp4"
    magnify(capsys, video, alone, "--method", "pmm", "--alpha", 3, *BAND)
    np.testing.assert_array_equal(luma_of(alone), luma_of(tmp_path / names[1]))


def test_only_the_region_is_magnified(capsys, tmp_path, video):
    (made,) = magnify(
        capsys, video, tmp_path / "o.mp4", "--method", "pmm", "--alpha", 12, *BAND,
        "--roi", 40, 24, 48, 48,
    )  # fmt: skip
    before, after = luma_of(video).astype(float), luma_of(tmp_path / "o.mp4").astype(float)
    inside = (slice(None), slice(32, 64), slice(48, 80))
    outside = np.ones((96, 128), bool)
    outside[24:72, 40:88] = False
    error = np.sqrt(((after - before)[:, outside] ** 2).mean())
    assert error < 1  # compression
    assert np.sqrt(((after - before)[inside] ** 2).mean()) > 5 * error
    assert made["roi"] == [40, 24, 48, 48]


def test_side_by_side_shows_the_original_on_the_left(capsys, tmp_path, video):
    options = [*BAND, "--side-by-side", "--alpha", 7, "--fps", 120]
    (made,) = magnify(
        capsys, video, tmp_path / "o.mp4", *options, "--passband", 8, 16, "--no-labels"
    )
    luma = luma_of(tmp_path / "o.mp4").astype(float)
    assert luma.shape[1:] == (96, 256)
    assert (made["width_px"], made["height_px"]) == (256, 96)
    assert np.abs(luma[:, :, :128] - luma_of(video)).mean() < 1
    assert times_of(tmp_path / "o.mp4") == times_of(video)
    magnify(capsys, video, tmp_path / "l.mp4", *options, "--passband", 8, 16)
    written = np.abs(luma_of(tmp_path / "l.mp4").astype(float) - luma).max(axis=0) > 40
    rows, columns = np.nonzero(written)
    assert rows.max() < 30  # in the corner
    assert written[:, :128].any()
    assert columns.max() > 128 + 60  # "pmm, alpha 7, 4 x slower"


@pytest.mark.parametrize(
    ("at", "shape"), [("x=50", (96, 2 * 270 + 4, 3)), ("y=20", (2 * 270 + 4, 128, 3))]
)
def test_a_slice_through_time(capsys, tmp_path, video, at, shape):
    picture = tmp_path / "s.png"
    magnify(
        capsys, video, tmp_path / "o.mp4", "--method", "pmm", *BAND,
        "--xt-slice", picture, "--xt-at", at, "--no-labels",
    )  # fmt: skip
    assert cv2.imread(str(picture)).shape == shape


def test_deep_odd_grey_and_uneven_inputs(capsys, tmp_path):
    deep = write_video(
        tmp_path / "deep.mkv", moving(IMAGE, MOTION), codec="ffv1", pixel_format="yuv420p10le"
    )
    magnify(capsys, deep, tmp_path / "o.mp4", "--method", "pmm", "--alpha", 4, *BAND)
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"

    odd = moving(texture(63, 95), MOTION)
    grey = write_video(tmp_path / "grey.mkv", odd, codec="ffv1", pixel_format="gray")
    (made,) = magnify(capsys, grey, tmp_path / "g.mp4", "--method", "amm", *BAND)
    assert (made["width_px"], made["height_px"]) == (96, 64)
    assert "written twice" in made["notices"][0]
    with av.open(str(tmp_path / "g.mp4")) as container:
        rgb = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.abs(rgb[..., 0] - rgb[..., 2]).max() <= 2

    lost = [k for k in range(40) if k not in (7, 8, 20)]
    motion = swing(40, 0.15)
    uneven = write_video(
        tmp_path / "uneven.mp4",
        [moving(IMAGE, motion)[k] for k in lost],
        pts=[20 * k for k in lost],
    )
    (made,) = magnify(capsys, uneven, tmp_path / "u.mp4", "--method", "pmm", *BAND)
    assert made["frames"] == 40
    assert made["notices"] == [
        "uneven in time: 37 frames, 33.3 to 100 ms apart, are resampled to 40 at 30 frames/s, 3 of "
        "them interpolated; longest gap 66.7 ms"
    ]
    np.testing.assert_allclose(
        [float(t) for t in times_of(tmp_path / "u.mp4")], np.arange(40) / FPS
    )


@pytest.mark.parametrize("bits", [8, 16])
def test_a_folder_and_a_glob_of_images(capsys, tmp_path, bits):
    folder = write_images(tmp_path / "frames", moving(IMAGE, MOTION), bits=bits, first=95)
    options = ["--method", "pmm", "--alpha", 5, "--passband", 6, 14, "--fps", 100]
    (made,) = magnify(capsys, folder, tmp_path / "a.mp4", *options)
    magnify(capsys, folder / "image*.png", tmp_path / "b.mp4", *options)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    np.testing.assert_allclose(
        [float(t) for t in times_of(tmp_path / "a.mp4")], np.arange(30) / 100
    )
    assert made["fps"] == pytest.approx(100)
    # The sine of 3 Hz at 30 frames/s is one of 10 Hz at 100 frames/s: in the band.
    assert made["motion"]["gain"] == pytest.approx(6, rel=0.12)


def test_the_true_rate_of_slow_motion(capsys, tmp_path, video):
    """Filmed at 120 frames/s, shown at 30: 3 Hz of the file are 12 Hz of the world."""
    options = ["--method", "pmm", "--alpha", 5, "--fps", 120]
    (slow,) = magnify(capsys, video, tmp_path / "s.mp4", *options, "--passband", 8, 16)
    (wrong,) = magnify(capsys, video, tmp_path / "w.mp4", *options, "--passband", 28, 40)
    assert slow["motion"]["gain"] == pytest.approx(6, rel=0.12)
    assert slow["motion"]["in_band_px"] > 3 * wrong["motion"]["in_band_px"]
    assert times_of(tmp_path / "s.mp4") == times_of(video)


def test_a_glob_of_videos(capsys, tmp_path):
    for name in ("one", "two"):
        write_video(tmp_path / f"{name}.mp4", moving(IMAGE, MOTION))
    made = magnify(capsys, tmp_path / "*.mp4", tmp_path / "out", "--method", "amm", *BAND)
    assert [Path(m["output"]) for m in made] == [
        tmp_path / "out" / f"{n}.mp4" for n in ("one", "two")
    ]
    assert all(Path(m["output"]).exists() for m in made)


def test_streaming_a_clip_that_is_too_long(capsys, tmp_path, video):
    options = ["--method", "pmm", "--passband", "2", "4", "--filter", "iir", "--alpha", "4"]
    whole, parts = tmp_path / "whole.mp4", tmp_path / "parts.mp4"
    magnify(capsys, video, whole, *options)
    magnify(capsys, video, parts, *options, "--stream")
    assert np.abs(luma_of(whole).astype(float) - luma_of(parts)).mean() < 0.1
    message = refused(capsys, video, whole, *options, "--max-memory", 0.1)
    assert re.search(r"in.mp4 needs about 0.\d GB of memory in parts, the limit is 0.1 GB", message)
    assert "raise it with --max-memory, or take a smaller --roi" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--passband", 1, 16], "16 Hz is not below the Nyquist frequency 15 Hz"),
        (["--passband", 4, 2], "the low edge must lie below the high edge"),
        (
            ["--passband", 0.1, 0.2, "--filter", "ideal"],
            "holds no frequency of a clip of 30 frames",
        ),
        (["--alpha", -3], "magnify.alpha must be at least -1, got -3"),
        (["--alpha", "ten"], "--alpha ten: give auto, or numbers such as 10 or 2,5,10"),
        (["--alpha", "5,5"], "--alpha 5,5: each value once"),
        (["--roi", 100, 0, 40, 40], r"--roi: 40x40 px at \(100, 0\) leaves the frame of 128x96"),
        (["--xt-at", "x=128", "--xt-slice", "s.png"], "the frame is 128x96 px"),
        (["--reference-frame", 30], "30 lies outside a clip of 30 frames"),
        (["--order", 0], "magnify.order"),
        (["--order", 6, "--filter", "iir", "--fps", 30, "--levels", 11], "magnify.pmm.levels"),
        (["--chroma-gain", 1], "pmm magnifies luma only"),
        (["--lambda-c", 8], "--lambda-c: pmm has no such setting"),
        (["--smoothing", "much"], "magnify.pmm.smoothing_px must be a number, got .much."),
        (["--fps", 0], "argument --fps: 0 is not a number from 0.001"),
        (["--device", "cuda"], "torch sees no CUDA device"),
        (["--stream", "--reference-frame", 2], "--reference-frame 2 needs the whole clip"),
        (["--config", '{"magnify": {"alfa": 1}}'], "magnify.alfa"),
    ],
)
def test_impossible_options_are_named(capsys, tmp_path, video, options, message):
    if options == ["--device", "cuda"] and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    said = refused(capsys, video, tmp_path / "o.mp4", "--method", "pmm", *options)
    assert re.search(message, said), said
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("gone.mp4 o.mp4", "gone.mp4 does not exist"),
        ("text.mp4 o.mp4", "text.mp4 cannot be opened as a video"),
        ("in.mp4 in.mp4", "in.mp4 is an input"),
        ("in.mp4 o.avi", "a file that ends in .mp4 is needed"),
        ("in.mp4 text.mp4/o.mp4", "text.mp4 is no folder that can be written to"),
        ("[is]*.mp4 o.mp4", "a folder is needed"),
        ("still.mp4 o.mp4", "one frame"),
    ],
)
def test_bad_inputs_and_outputs_are_named(capsys, tmp_path, video, names, message):
    (tmp_path / "text.mp4").write_text("no video")
    write_video(tmp_path / "still.mp4", [IMAGE])
    source, output = names.split()
    said = refused(capsys, tmp_path / source, tmp_path / output, "--method", "amm")
    assert message in said
    assert video.exists()


def test_nothing_is_left_when_reading_fails(capsys, tmp_path):
    folder = write_images(tmp_path / "frames", moving(IMAGE, MOTION))
    (folder / "image9.png").unlink()
    write_images(tmp_path / "other", [IMAGE[:40]])
    (tmp_path / "other/image1.png").rename(folder / "image9.png")
    out = tmp_path / "out" / "o.mp4"
    said = refused(
        capsys, folder, out, "--method", "amm", "--fps", 100, "--passband", 5, 20, "--alpha", "1,2"
    )  # the size line comes before
    assert "frame 9 is" in said
    assert not out.parent.exists()  # the clip is measured before anything is written


def test_a_cache_has_a_stage_of_its_own(image_cache, tmp_path, capsys):
    source = image_cache(frames=12, size=32)
    said = refused(capsys, source, tmp_path / "out.h5", "--method", "amm")
    assert "microexpr stage magnify --faces" in said


def shortened(source: Path, path: Path, frames: int) -> Path:
    """Copy the first packets of a file, undecoded."""
    with av.open(str(source)) as read, av.open(str(path), "w") as write:
        streams = {
            s.index: write.add_stream_from_template(s)
            for s in read.streams
            if s.type in ("video", "audio")
        }
        for packet in read.demux([read.streams[k] for k in streams]):
            if packet.dts is None:
                continue
            frames -= packet.stream.type == "video"
            if frames < 0:
                break
            packet.stream = streams[packet.stream.index]
            write.mux(packet)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "frames"), [("evm_baby.mp4", 41), ("single_face.mp4", 72), ("face_noface.mov", 90)]
)
def test_real_clips(capsys, tmp_path, shared_video, name, frames):
    """Whatever a camera and an editor made: as many frames, the same times, the sound."""
    source = shortened(shared_video(name), tmp_path / name, frames)
    (made,) = magnify(
        capsys, source, tmp_path / "o.mp4", "--method", "amm", "--alpha", 5, "--passband", 0.5, 3
    )
    times = [float(t) for t in times_of(tmp_path / "o.mp4")]
    assert len(times) == made["frames"]
    if name == "face_noface.mov":  # 72 frames at 30 frames/s, then 24
        assert "resampled to 93 at 30 frames/s" in " ".join(made["notices"])
        assert times[-1] == pytest.approx(float(times_of(source)[-1]), abs=0.03)
    else:
        np.testing.assert_allclose(times, [float(t) for t in times_of(source)], atol=1e-6)
    if name != "evm_baby.mp4":
        assert sound_of(tmp_path / "o.mp4")[0] == sound_of(source)[0]
