"""The command line: help that is enough, one clear line on bad input, exit codes."""

from __future__ import annotations

import json
import re

import h5py
import pytest

from microexpr import cache
from microexpr.cli import main


def commands(capsys) -> list[str]:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out.split("COMMAND", 2)[-1]
    return re.findall(r"^ {4}(\w+)", text, flags=re.MULTILINE)


def test_every_command_explains_itself(capsys):
    names = commands(capsys)
    assert {"index", "decode", "crop", "magnify", "features", "train", "evaluate"} <= set(names)
    for name in names:
        with pytest.raises(SystemExit) as stopped:
            main([name, "--help"])
        assert stopped.value.code == 0
        assert "usage: microexpr" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["crop", "gone.h5", "out.h5"], "gone.h5: not a readable HDF5 file (No such file"),
        (["crop", "gone.h5", "out.h5", "--config", "{'crop"], "--config: is not valid JSON"),
        (["crop", "gone.h5", "out.h5", "--config", '{"crop": {"siz": 1}}'], "crop.siz: Extra"),
        (["decode", "gone.csv", "out.h5", "--subjects", "s1"], "gone.csv: cannot be read"),
        (["verify", "gone.h5"], "gone.h5: not a readable HDF5 file"),
        (["show", "gone.csv"], "gone.csv: cannot be read"),
        (["features", "a.h5", "b.h5", "--device", "cuda:9"], "--device cuda:9"),
        (
            [
                "features",
                "a.h5",
                "b.h5",
                "--config",
                '{"features": {"backbone": "resnet50_vggface2"}}',
            ],
            "features.weights.path",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    if "--config" not in arguments and arguments[0] in ("crop", "decode", "features"):
        arguments = [*arguments, "--config", "{}"]
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert message in lines[-1]
    assert lines[-1].startswith(f"microexpr {arguments[0]}: ")
    assert not any("Traceback" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


def test_each_bad_clip_has_a_line_of_its_own(tmp_path, capsys):
    lines = ["path,subject,label", "a\\nb.mp4,s1,positive", "gone.mp4,s2,positive"]
    (tmp_path / "clips.csv").write_text("\n".join(lines))
    table = {"kind": "video", "root": str(tmp_path), "table": str(tmp_path / "clips.csv")}
    config = json.dumps({"data": table})
    assert main(["index", str(tmp_path / "manifest.csv"), "--config", config]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line]
    assert [line.split(": ")[:2] for line in said[:2]] == [
        ["microexpr index", "clip s1_a_nb"],
        ["microexpr index", "clip s2_gone"],
    ]
    assert said[-1] == "microexpr index: no clip can be used; reasons: 2"
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
