"""``microexpr weights``: three formats of one network end as the same file; nothing runs."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import h5py
import pytest
import references
import torch
from torch import Tensor

from microexpr.backbones import weights
from microexpr.backbones.weights import build
from microexpr.cli import main
from microexpr.runtime.files import sha256_of

PLACE = Path("weights/resnet50_vggface2.safetensors")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["weights", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def write_format(suffix: str, caffe_weights: dict[str, Tensor], caffe_file: Path) -> Path:
    path = Path(f"mine{suffix}")
    if suffix == ".pth":
        shutil.copy(caffe_file, path)
    elif suffix == ".pkl":
        theirs = references.to_torchvision(caffe_weights)
        bgr = references.flip_first(theirs, "conv1.weight")
        path.write_bytes(pickle.dumps({name: value.numpy() for name, value in bgr.items()}, 2))
    else:
        bgr = references.flip_first(caffe_weights, "conv1_7x7_s2.weight")
        with h5py.File(path, "w") as file:
            for name, value in references.to_keras(bgr).items():
                file[name] = value
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".h5"])
def test_three_formats_become_the_file_that_the_loader_finds(
    capsys: pytest.CaptureFixture[str],
    caffe_weights: dict[str, Tensor],
    caffe_file: Path,
    suffix: str,
) -> None:
    source = write_format(suffix, caffe_weights, caffe_file)
    assert main(["weights", "add", str(source)]) == 0
    said = capsys.readouterr().out
    assert f"{sha256_of(source)}  mine{suffix}  (not known" in said
    assert f"{sha256_of(PLACE)}  {PLACE}  (resnet50_vggface2)" in said
    assert "CC BY-SA" in said
    note = json.loads(PLACE.with_suffix(".json").read_text())
    assert (note["source"], note["source_sha256"]) == (source.name, sha256_of(source))
    net = build("resnet50_vggface2")
    assert net.weights_sha256 == sha256_of(PLACE)
    torch.testing.assert_close(
        net.state_dict()["stem.conv.weight"], caffe_weights["conv1_7x7_s2.weight"]
    )
    assert main(["weights", "check"]) == 0
    assert f"resnet50_vggface2: {note['sha256']}  {PLACE}" in capsys.readouterr().out


def test_the_other_resnet_is_told_apart(
    capsys: pytest.CaptureFixture[str], caffe_weights: dict[str, Tensor]
) -> None:
    state = references.to_torchvision(caffe_weights) | {"fc.weight": torch.zeros(1000, 2048)}
    torch.save(state, "zoo.pth")
    assert main(["weights", "add", "zoo.pth"]) == 0
    assert "(resnet50_imagenet)" in capsys.readouterr().out
    assert build("resnet50_imagenet").weights_name == "resnet50_imagenet.safetensors"
    said = refused(capsys, "add", "zoo.pth", "--network", "resnet50_vggface2")
    assert "missing key conv1_7x7_s2.weight" in said


class Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


def test_a_malicious_pickle_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("face.pkl", "face.pth"):
        Path(name).write_bytes(pickle.dumps({"conv1.weight": Attack()}, 2))
        refused(capsys, "add", name)
    torch.save({"conv1.weight": Attack()}, "saved.pth")
    refused(capsys, "add", "saved.pth")
    assert not Path("executed").exists()
    assert not Path("weights").exists()


def test_files_that_are_not_added(capsys: pytest.CaptureFixture[str], caffe_file: Path) -> None:
    Path("text.pth").write_text("text")
    Path("text.bin").write_text("text")
    Path("resnet50_128.pth").write_text("text")
    shutil.copy(caffe_file, "mine.pth")
    for arguments, message in [
        (("gone.pth",), "gone.pth"),
        (("text.pth",), "text.pth: damaged"),
        (("text.bin",), "weights are read from .h5, .npz, .pkl, .pth, .safetensors files"),
        (("resnet50_128.pth",), "the reported one is c8b59711"),
        (("mine.pth", "--sha256", "0" * 64), "features.weights.sha256 says 000"),
        (("mine.pth", "--network", "mobilenet_vggface2"), "weights are added for resnet50"),
    ]:
        assert message in refused(capsys, "add", *arguments)
    assert not Path("weights").exists()


def test_what_has_changed_since_is_found(
    capsys: pytest.CaptureFixture[str], caffe_file: Path
) -> None:
    assert main(["weights", "add", str(caffe_file)]) == 0
    content = bytearray(PLACE.read_bytes())
    content[-5] ^= 1
    PLACE.write_bytes(content)
    capsys.readouterr()
    assert f"{PLACE.with_suffix('.json').name} beside it says" in refused(capsys, "check")
    assert main(["weights", "add", str(caffe_file)]) == 0
    assert main(["weights", "check"]) == 0
    assert str(PLACE) in refused(capsys, "add", str(PLACE))


def test_a_json_file_about_something_else_is_no_note(
    capsys: pytest.CaptureFixture[str], caffe_file: Path
) -> None:
    assert main(["weights", "add", str(caffe_file)]) == 0
    PLACE.with_suffix(".json").write_text('{"sha256": "0"}')
    assert build("resnet50_vggface2").weights_sha256 == sha256_of(PLACE)


def test_the_list_names_files_checksums_and_terms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    said = capsys.readouterr().out
    for network in ("mobilenet_vggface2", "resnet50_vggface2", "efficientnet_lite0_imagenet"):
        assert network in said
    for name, known in weights.KNOWN.items():
        assert f"{name}: {known.size_bytes} bytes, sha256 {known.sha256}" in said
    assert "CC BY-SA 4.0" in said
    assert ".pkl: VGGFace2 ResNet-50 with torchvision's names" in said
