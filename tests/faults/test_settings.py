"""Configurations that cannot be: one line that names the key, before anything is computed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

import listed
from microexpr import cache
from microexpr.config import Config
from microexpr.errors import ConfigError
from microexpr.pipeline.plan import Plan
from microexpr.runtime.tables import seal

SECTION = "Configuration"
CROP = ("stage", "crop", "--frames", "f.h5", "--faces", "o.h5")


@pytest.mark.parametrize(
    ("fault", "text", "says"),
    [
        ("unknown key", "crop: {siz_px: 3}", "crop.siz_px is no key; did you mean size_px?"),
        ("unknown section", "crops: {}", "crops is no key; did you mean crop?"),
        ("text for a number", "crop: {size_px: large}", "crop.size_px must be a whole number"),
        ("number for a list", "windows: {n: 7}", "windows.n must be a list"),
        ("list for a section", "crop: [1]", "crop must be keys with values"),
        ("value out of bounds", "crop: {size_px: 9}", "crop.size_px must be at least 32, got 9"),
        ("NaN", "magnify: {alpha: .nan}", "magnify.alpha must be finite"),
        ("infinite", "magnify: {passband_hz: [1, .inf]}", "passband_hz.1. must be finite"),
        (
            "pass-band with its edges swapped",
            "magnify: {passband_hz: [3, 1]}",
            "low edge must lie below",
        ),
        ("unknown word", "protocol: {name: random}", "protocol.name must be 'loso'"),
        ("not YAML", "crop: [", "c.yaml: cannot be read as YAML"),
        ("impossible date", "crop: 2020-13-45", "c.yaml: cannot be read as YAML"),
        ("number of 5,000 digits", f"crop: {'1' * 5000}", "c.yaml: cannot be read as YAML"),
        ("10,000 nested brackets", "[" * 10_000, "c.yaml: cannot be read as YAML"),
        ("not a section", "- 1", "c.yaml: must hold sections"),
        ("a value that contains itself", "crop: &a {size_px: *a}", "c.yaml|crop"),
    ],
)
def test_a_file_that_is_wrong(tmp_path, fails, fault, text, says):
    (tmp_path / "c.yaml").write_text(text)
    arguments = (*CROP, "--config", tmp_path / "c.yaml")
    fails(SECTION, fault, *arguments, says=says)


def test_a_value_that_takes_terabytes_to_spell(tmp_path, fails):
    """Nine lists of nine references each: a message that quotes them would fill the memory."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 13)]
    (tmp_path / "c.yaml").write_text("\n".join([*levels, "crop: *a12"]))
    arguments = (*CROP, "--config", tmp_path / "c.yaml")
    fails(SECTION, "YAML references that multiply", *arguments, says="is no key|keys with values")


@pytest.mark.parametrize(
    ("text", "says"),
    [('{"crop": ', "cannot be read as YAML"), ("{crop: {margin: .nan}}", "must be finite")],
)
def test_inline_settings_that_are_wrong(tmp_path, fails, text, says):
    arguments = (*CROP, "--config", text)
    fails(SECTION, "", *arguments, says=says, row=False)


def magnify(tmp_path, frames, method):
    files = ("--faces", faces_of(tmp_path, frames), "--magnified", tmp_path / "m.h5")
    return ["stage", "magnify", *files, "--method", method]


def faces_of(tmp_path, frames, fps=100.0):
    path = tmp_path / "faces.h5"
    rng = np.random.default_rng(0)
    with (
        cache.create(path, "faces", cache.Provenance(), compression="none") as out,
        out.clip("s1_a", fps=fps) as clip,
    ):
        clip.append(
            rng.integers(0, 256, (frames, 32, 32, 3), np.uint8),
            frame=np.arange(frames),
            time=np.arange(frames) / fps,
            detected=np.ones(frames),
            box=np.ones((frames, 4)),
        )
    return path


def test_a_pass_band_above_half_the_frame_rate(tmp_path, fails):
    """Known before the first job for data sets with a frame rate; for videos, to the stage."""
    values = Config().model_dump(mode="json")
    values["magnify"]["passband_hz"] = [0.5, 60.0]
    with pytest.raises(
        ConfigError, match="magnify.passband_hz: 60 Hz is not below half of the 100"
    ):
        _ = Plan(values).listing
    settings = json.dumps({"magnify": {"passband_hz": [0.5, 60]}})
    arguments = magnify(tmp_path, 12, "amm")
    says = "clip s1_a: .*60"
    fails(
        SECTION,
        "a pass-band above half the frame rate",
        *arguments,
        "--config",
        settings,
        says=says,
    )


@pytest.mark.parametrize("method", ["amm", "pmm", "filter_only"])
@pytest.mark.parametrize("frames", [1, 2])
def test_clips_of_one_and_two_frames_are_magnified_or_named(tmp_path, command, method, frames):
    arguments = magnify(tmp_path, frames, method)
    code, lines = command(*arguments, "--config", "{}")
    if code == 0:
        with cache.open_cache(tmp_path / "m.h5", "magnified") as found:
            assert len(found["s1_a"]) == frames
    else:
        assert code == 2
        assert "clip s1_a: " in lines[-1]
        assert not (tmp_path / "m.h5").exists()


def test_a_clip_of_no_frames(tmp_path, fails):
    (tmp_path / "folder").mkdir()
    (tmp_path / "clips.csv").write_text("path,subject,label,fps\nfolder,s1,negative,100\n")
    table = {"kind": "video", "root": str(tmp_path), "table": str(tmp_path / "clips.csv")}
    arguments = ("stage", "index", "--manifest", tmp_path / "m.csv", "--config")
    arguments += (json.dumps({"data": table}),)
    says = "clip s1_folder: folder folder holds no image"
    fails("Clips", "no frame", *arguments, says=says)


def features_of(tmp_path, lengths):
    path = tmp_path / "features.h5"
    rng = np.random.default_rng(0)
    with cache.create(path, "features", cache.Provenance()) as out:
        for number, length in enumerate(lengths):
            with out.clip(f"s{number}_a") as clip:
                values = rng.normal(size=(length, 8, 1, 1)).astype(np.float16)
                clip.append(values, frame=np.arange(length), time=np.arange(length) / 100)
    subjects = [f"s{number}" for number in range(len(lengths))]
    labels = [("negative", "positive")[number % 2] for number in range(len(lengths))]
    listed.write(tmp_path / "manifest.csv", [f"{s}_a" for s in subjects], subjects, labels)
    rows = "".join(f"{s}_a,{s},x,{s}\n" for s in subjects)
    (tmp_path / "folds.csv").write_text("clip_id,subject,label,fold\n" + rows)
    seal(tmp_path / "folds.csv")
    return path


def train_on(tmp_path, lengths, **settings):
    train = {
        "epochs": 1,
        "feature_modes": ["raw"],
        "embed": 4,
        "hidden": 4,
        **settings.pop("train", {}),
    }
    config = json.dumps({"train": train, **settings})
    options = ("--manifest", tmp_path / "manifest.csv", "--folds", tmp_path / "folds.csv")
    options += ("--method", "none", "--n", 7)
    path = features_of(tmp_path, lengths)
    options += ("--predictions", tmp_path / "p.csv", "--config", config)
    return ["stage", "train", "--features", path, *options]


def test_n_longer_than_every_clip(tmp_path, fails):
    arguments = train_on(tmp_path, [3, 4, 5, 6], windows={"short": "fail"})
    fails(
        SECTION, "N longer than every clip, windows.short: fail", *arguments, says="windows.short"
    )
    arguments = train_on(tmp_path, [3, 4, 5, 6], windows={"short": "drop"})
    fails(SECTION, "N longer than every clip, windows.short: drop", *arguments, says="windows|clip")


def test_clips_of_one_and_two_frames_are_padded(tmp_path, command, fault_row):
    assert command(*train_on(tmp_path, [1, 2, 9, 9]))[0] == 0
    rows = (tmp_path / "p.csv").read_text().splitlines()
    assert len(rows) == 5
    message = (
        "none with windows.short: pad (the first frame is repeated); each clip gets a prediction"
    )
    fault_row("Clips", "one or two frames", message, 0)


NAMED = "data: {labels: %s}"


@pytest.mark.parametrize(
    ("fault", "text", "says"),
    [
        ("two classes of one name", NAMED % "[a, b, A]", "'a' and 'A' are the same name"),
        ("", NAMED % '["a", "a\\u200B"]', "are the same name"),
        ("", NAMED % "[ｓ1, s1]", "are the same name"),
        ("a class without quotes: NA: null", NAMED % "[null, b]", "write the name in quotes"),
        ("", NAMED % "[no, b]", "write the name in quotes"),
        ("", NAMED % "[1.0, b]", "write the name in quotes"),
        ("a class with a line feed", NAMED % '["a\\nb", c]', "no control characters"),
        ("", NAMED % '["\\e[31m", c]', "no control characters"),
        ("", NAMED % '["\\u200B", c]', "signs that can be seen"),
        ("a subject without quotes: 006", "data: {leave_out: [006]}", "write the name in quotes"),
        ("", "data: {label_map: {a: negative, A: positive}}", "stands there with two labels"),
    ],
)
def test_names_that_are_none(tmp_path, fails, fault, text, says):
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    arguments = (*CROP, "--config", tmp_path / "c.yaml")
    fails(SECTION, fault, *arguments, says=says, row=bool(fault))


def test_a_key_with_a_dot_on_the_command_line(fails):
    says = "--config data.root=x: write --config '{data: {root: x}}'"
    fails(SECTION, "`--config data.root=x`", *CROP, "--config", "data.root=x", says=says)


@pytest.mark.parametrize("name", ["0", "1e5", "AU12", "NA", "null", "True", "{x}", "高兴", "<b>|"])
def test_a_class_has_the_name_that_it_was_given(name):
    found = Config.parse(yaml.safe_load(f"data: {{labels: [{json.dumps(name)}, x]}}"))
    assert found.data.labels == [name, "x"]
    assert Config.parse({"data": {"labels": [0, 1]}}).data.labels == ["0", "1"]


def test_the_home_folder_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    weights = {"path": "~/w.pth"}
    values = {"data": {"root": "~/a", "table": "~/b.csv"}, "features": {"weights": weights}}
    found = Config.parse(values)
    paths = (found.data.root, found.data.table, found.features.weights.path)
    assert paths == tuple(str(tmp_path / name) for name in ("a", "b.csv", "w.pth"))


def test_methods_and_n_that_are_not_given_follow_the_configured_ones():
    one = {"magnify": {"methods": ["none"]}, "windows": {"n": [7]}}
    found = Config.parse(one)
    assert (found.ablation.method, found.ablation.n) == ("none", 7)
    assert (found.model.method, found.model.n, found.compare.against.method) == ("none", 7, "none")
    assert Config.parse(found.model_dump(mode="json")) == found
    # What was given stays, and is refused by the targets that use it.
    plan = Plan(Config.parse(one | {"ablation": {"method": "amm"}}).model_dump(mode="json"))
    assert plan.shards
    with pytest.raises(ConfigError, match="ablation.method: amm is none of .'none'.; evaluate.con"):
        plan.further_predictions()
