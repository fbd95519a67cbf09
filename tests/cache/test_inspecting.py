"""``microexpr inspect``: what is in a file, or one line on why it cannot be said."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import listed
from microexpr.backbones.networks import SHIPPED
from microexpr.cache import verify
from microexpr.cli import main
from trained_models import export, settings


def inspected(capsys, *paths) -> str:
    assert main(["inspect", *map(str, paths)]) == 0
    return capsys.readouterr().out


def test_a_cache(image_cache, capsys):
    path = image_cache(clips=3, frames=5)
    with h5py.File(path) as file:
        zeros = float((file["s1_ne_01/image"][()] == 0).mean())
    said = inspected(capsys, path)
    assert f"content sha256 {verify(path)}: as stored" in said
    assert "3 clips, 15 frames\n" in said
    assert "subject" not in said
    (line,) = (line for line in said.splitlines() if "s1_ne_01" in line)
    assert "s1_ne_01: 5 frames of 16x16x3 uint8, " in line
    assert f"{zeros:.1%} zeros" in line


def test_a_cache_with_its_manifest_in_a_folder_above(image_cache, tmp_path, capsys):
    path = tmp_path / "results/faces/s0-s2.h5"
    path.parent.mkdir(parents=True)
    image_cache(clips=3, frames=5).rename(path)
    clips = ["s0_ne_01", "s1_ne_01"]
    table = listed.write(tmp_path / "results/manifest.csv", clips, ["s0", "s1"], ["a", "b"])
    said = inspected(capsys, path)
    assert "3 clips, 15 frames, 1 a, 1 b, 1 not in the manifest\n" in said
    assert "subjects and labels: " in said
    lines = [line.strip(" │├└─") for line in said.splitlines()]
    assert lines[lines.index("subject s1") + 1].startswith("s1_ne_01: b, 5 frames of 16x16x3")
    assert any(line.startswith("s2_ne_01: 5 frames") for line in lines)
    table.write_text("nothing\n")
    assert "no subjects and labels: " in inspected(capsys, path)


def test_features_with_their_origin_and_the_model_of_them(tmp_path, capsys):
    folder = export(tmp_path / "m", settings())
    said = inspected(capsys, tmp_path / "m" / "features.h5", folder / "model.safetensors")
    assert "weights_name: random, seed 0" in said
    assert "6 clips, 120 frames, 2 negative, 2 positive, 2 surprise" in said
    assert "method none, backbone random_mobilenet, cut 13, fps 100" in said
    assert 'labels: ["negative", "positive", "surprise"]' in said
    assert "classifier.lstm.weight_ih_l0: 128x48 float32, 0.0% zeros" in said


def test_the_shipped_weights(capsys):
    assert "stem.weight: 32x3x3x3 float16" in inspected(capsys, SHIPPED)


def test_other_files_are_one_line(image_cache, tmp_path, capsys):
    whole = image_cache()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[:-200])
    flipped = tmp_path / "flipped.h5"
    flipped.write_bytes(whole.read_bytes())
    with h5py.File(flipped, "r+") as file:
        file["s0_ne_01/frame"][0] = 7
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = np.zeros(3)
    (tmp_path / "text.h5").write_text("text")
    (tmp_path / "empty.h5").touch()
    short = tmp_path / "short.safetensors"
    short.write_bytes(SHIPPED.read_bytes()[:5000])
    for name, message in [
        ("cut.h5", "not a readable HDF5 file"),
        ("flipped.h5", "does not match its checksum"),
        ("foreign.h5", "an HDF5 file, but not a cache of microexpr"),
        ("text.h5", "neither a cache"),
        ("empty.h5", "neither a cache"),
        ("short.safetensors", "damaged, or no safetensors file"),
        ("gone.h5", "does not exist"),
        (".", "is a folder, not a regular file"),
    ]:
        assert main(["inspect", str(tmp_path / name)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("microexpr inspect: ")
        assert message in line
        assert str(tmp_path / name) in line


def test_numbers_of_types_that_numpy_has_not(tmp_path, capsys):
    path = tmp_path / "w.safetensors"
    kinds = (torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16, torch.int8, torch.bool)
    tensors = {str(kind).removeprefix("torch."): torch.ones(4).to(kind) for kind in kinds}
    save_file(tensors, path, {"microexpr": '{"network": "x"}'})
    said = inspected(capsys, path)
    for name in tensors:
        assert f"{name}: 4 {name}, 0.0% zeros" in said
    # A type that nobody has.
    path.write_bytes(path.read_bytes().replace(b"F8_E5M2", b"F9_E5M2"))
    assert main(["inspect", str(path)]) == 2
    assert "w.safetensors: damaged, or no safetensors file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "inspect", "weights"])
def test_help_has_an_example(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert f"microexpr {command} " in capsys.readouterr().out.split("example")[1]
