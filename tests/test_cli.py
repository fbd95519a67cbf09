"""The command line: help that is enough, one clear line on bad input, exit codes."""

from __future__ import annotations

import json
import re

import h5py
import pytest
import yaml

from microexpr import cache, stages
from microexpr.cli import main
from microexpr.config import Config


def commands(capsys, *words) -> list[str]:
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    text = capsys.readouterr().out.split(words[-1].upper() if words else "COMMAND", 2)[-1]
    return re.findall(r"^ {4}(\w+)", text, flags=re.MULTILINE)


def test_every_command_explains_itself(capsys):
    names = commands(capsys)
    assert {"magnify", "predict", "adopt", "inspect", "stage"} <= set(names)
    for name in names:
        with pytest.raises(SystemExit) as stopped:
            main([name, "--help"])
        assert stopped.value.code == 0
        assert "usage: microexpr" in capsys.readouterr().out


@pytest.mark.parametrize("name", stages.NAMES)
def test_every_stage_explains_itself_by_its_declaration(capsys, name):
    stage = stages.declared(name)
    assert stage.name == name
    with pytest.raises(SystemExit) as stopped:
        main(["stage", name, "--help"])
    assert stopped.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"usage: microexpr stage {name}" in said
    for place, given in stage.arguments.items():
        assert f"--{place}" in said
        assert " ".join(given.mark.help.split()) in said


def test_stages_are_listed_in_the_order_of_the_workflow(capsys):
    assert commands(capsys, "stage") == list(stages.NAMES)


@pytest.mark.parametrize(
    ("words", "now"),
    [
        (["crop", "a.h5", "b.h5"], "crop is now: microexpr stage crop"),
        (["compare", "--system", "a"], "compare is now: microexpr stage train_system"),
        (["comparison"], "comparison is now: microexpr stage tabulate_systems"),
        (["inner"], "inner is now: microexpr stage train --inner"),
        (["stage", "leak_plot"], "stage leak_plot is now: microexpr stage tabulate_leak"),
        (["stage", "train", "--part", "0"], "--part is now --chunk"),
    ],
)
def test_old_commands_name_the_new_ones(capsys, words, now):
    assert main(words) == 2
    assert capsys.readouterr().err.endswith(f": {now}\n")


def test_a_stage_prints_its_settings_as_yaml_that_it_takes_again(tmp_path, capsys):
    words = ["stage", "crop", "--frames", "gone.h5", "--faces", str(tmp_path / "o.h5")]
    assert main([*words, "--config", "{crop: {size_px: 96}}"]) == 2
    said = capsys.readouterr().err
    head, _, rest = said.partition("settings of stage crop:\n")
    assert not head
    text, _, _ = rest.partition("\n\n")
    settings = yaml.safe_load(text)
    assert settings["crop"]["size_px"] == 96
    assert set(settings) == {"crop"}
    assert stages.declared("crop").settings.of(Config.parse(settings)).short() == (
        "{crop: {size_px: 96}}"
    )


CROP = ["stage", "crop", "--frames", "gone.h5", "--faces", "out.h5"]
DECODE = ["stage", "decode", "--manifest", "gone.csv", "--frames", "o.h5", "--root", "."]
FEATURES = ["stage", "features", "--images", "a.h5", "--features", "b.h5"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (CROP, "gone.h5: not a readable HDF5 file (No such file"),
        ([*CROP, "--config", "{'crop"], "--config: cannot be read as YAML"),
        ([*CROP, "--config", "{crop: {siz: 1}}"], "crop.siz is no key"),
        ([*CROP, "--config", '{"crop": {"siz": 1}}'], "crop.siz is no key"),
        ([*DECODE, "--subjects", "s1"], "gone.csv: cannot be read"),
        (["verify", "gone.h5"], "gone.h5: not a readable HDF5 file"),
        (["show", "gone.csv"], "gone.csv: cannot be read"),
        ([*FEATURES, "--device", "cuda:9"], "--device cuda:9"),
        (
            [*FEATURES, "--config", "{features: {backbone: resnet50_vggface2}}"],
            "features.weights.path",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    name = arguments[0]
    if name == "stage":
        name = f"stage {arguments[1]}"
        arguments = arguments if "--config" in arguments else [*arguments, "--config", "{}"]
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert message in lines[-1]
    assert lines[-1].startswith(f"microexpr {name}: ")
    assert not any("Traceback" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_each_bad_clip_has_a_line_of_its_own(tmp_path, capsys):
    lines = ["path,subject,label", "a\\nb.mp4,s1,positive", "gone.mp4,s2,positive"]
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    table = {"kind": "video", "root": str(tmp_path), "table": str(tmp_path / "clips.csv")}
    config = json.dumps({"data": table})
    words = ["stage", "index", "--manifest", str(tmp_path / "manifest.csv")]
    assert main([*words, "--config", config]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line]
    said = [line for line in said if line.startswith("microexpr ")]
    assert [line.split(": ")[:2] for line in said[:2]] == [
        ["microexpr stage index", "clip s1_a_nb"],
        ["microexpr stage index", "clip s2_gone"],
    ]
    assert said[-1] == "microexpr stage index: no clip can be used; reasons: 2"
    assert len(said) == 3


def test_verify_prints_checksums_and_fails_on_damage(image_cache, capsys):
    path = image_cache()
    assert main(["verify", str(path)]) == 0
    assert capsys.readouterr().out.split()[1] == str(path)
    with h5py.File(path, "r+") as file:
        file["s0_ne_01/frame"][0] = 7
    assert main(["verify", str(path)]) == 2
    assert "does not match its checksum" in capsys.readouterr().err


def test_an_interrupted_command_says_so(image_cache, capsys, monkeypatch):
    def interrupt(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "verify", interrupt)
    assert main(["verify", str(image_cache())]) == 130
    assert capsys.readouterr().err == "microexpr verify: interrupted\n"
