"""Weights and packages are looked for without loading PyTorch, and what is missing is said."""

from __future__ import annotations

import subprocess
import sys

import pytest

from microexpr.backbones.networks import NETWORKS, SHIPPED, check_compression, weights_file
from microexpr.errors import ConfigError, WeightsError


def test_asking_loads_neither_pytorch_nor_numpy():
    code = (
        "import sys\n"
        "from microexpr.backbones import networks\n"
        "for network in networks.NETWORKS.values():\n"
        "    if not network.addable: networks.weights_file(network.name)\n"
        "networks.check_compression('zstd')\n"
        "print(sorted({'torch', 'numpy', 'hdf5plugin'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_shipped_packaged_and_random_weights_need_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = {name: weights_file(name) for name in NETWORKS if not NETWORKS[name].addable}
    assert found["mobilenet_vggface2"] == SHIPPED
    assert found["efficientnet_lite0_imagenet"].suffix == ".pth"
    assert {name for name, path in found.items() if path is None} == {
        *("random_mobilenet", "random_resnet50")
    }


@pytest.mark.parametrize(
    ("backbone", "says"),
    [
        ("resnet50_vggface2", "features.weights.path: the VGGFace2 ResNet-50 weights are not shi"),
        ("resnet50_imagenet", "features.weights.path: the ImageNet ResNet-50 weights are not ship"),
    ],
)
def test_weights_of_the_users_own(tmp_path, monkeypatch, backbone, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError) as missing:
        weights_file(backbone)
    assert str(missing.value).startswith(says)
    with pytest.raises(WeightsError, match=r"there is no file mine.pth; the \w+ ResNet-50"):
        weights_file(backbone, "mine.pth")
    for place in (f"weights/{backbone}.safetensors", "mine.pth"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    assert str(weights_file(backbone)) == f"weights/{backbone}.safetensors"
    assert str(weights_file(backbone, "mine.pth")) == "mine.pth"


def test_a_named_file_that_is_missing_is_named_for_any_network():
    with pytest.raises(WeightsError, match=r"there is no file nowhere.pth$"):
        weights_file("mobilenet_vggface2", "nowhere.pth")


def test_names_and_files_that_do_not_go_together():
    with pytest.raises(ConfigError, match="features.backbone: 'resnet51' is none of mobilenet_"):
        weights_file("resnet51")
    with pytest.raises(ConfigError, match="random_resnet50 takes no file, got mine.pth"):
        weights_file("random_resnet50", "mine.pth")


def test_a_compression_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    with pytest.raises(ConfigError, match="features.compression: zstd needs the package hdf5plug"):
        check_compression("zstd")
    check_compression("gzip")
