"""Files that must not load: each error is one line that names the file and what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import references
import torch
from safetensors.torch import save_file
from torch import Tensor

from microexpr.backbones import weights
from microexpr.backbones.networks import SHIPPED
from microexpr.backbones.weights import build
from microexpr.errors import WeightsError

Refused = Callable[..., str]


@pytest.fixture
def refused() -> Refused:
    """Give the message with which a backbone refuses a file."""

    def call(path: Path | None, backbone: str = "resnet50_vggface2", **options: str) -> str:
        with pytest.raises(WeightsError) as caught:
            build(backbone, weights_path=path and str(path), **options)
        message = str(caught.value)
        assert "\n" not in message
        assert path is None or str(path) in message
        return message

    return call


@pytest.fixture
def change(caffe_weights: dict[str, Tensor], tmp_path: Path) -> Callable[..., Path]:
    """Write the Caffe weights with some entries replaced, added or (None) removed."""

    def write(entries: dict[str, Tensor | None]) -> Path:
        halves = {name: value.half() for name, value in caffe_weights.items()}
        state = {k: v for k, v in {**halves, **entries}.items() if v is not None}
        torch.save(state, tmp_path / "changed.pth")
        return tmp_path / "changed.pth"

    return write


def test_no_file_named(refused: Refused) -> None:
    message = refused(None)
    for part in (
        *("features.weights.path", "Oxford", "CC BY-SA 4.0", "cydonia999/VGGFace2-pytorch"),
        *("resnet50_128.pth", "resnet50_ft_weight.pkl", "rcmalli_vggface_tf_notop_resnet50.h5"),
    ):
        assert part in message
    assert "resnet50-0676ba61.pth" in refused(None, "resnet50_imagenet")


def test_file_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    message = refused(tmp_path / "nowhere.pth")
    assert "features.weights.path: there is no file" in message and "Oxford" in message
    assert "there is no file" in refused(tmp_path / "nowhere.npz", "mobilenet_vggface2")


def test_suffix_that_the_network_is_not_read_from(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "weights.pkl"
    path.touch()
    assert "is read from .pth, .safetensors files" in refused(path, "resnet50_imagenet")


def test_missing_key(refused: Refused, change: Callable[..., Path]) -> None:
    message = refused(change({"conv4_3_3x3_bn.running_var": None}))
    assert "missing key conv4_3_3x3_bn.running_var" in message
    gone = {f"conv5_2_3x3_bn.{v}": None for v in ("weight", "bias")}
    assert "missing key conv5_2_3x3_bn.weight (and 1 more)" in refused(change(gone))


def test_unexpected_key(refused: Refused, change: Callable[..., Path]) -> None:
    extra = {"conv2_1_1x1_down.weight": torch.zeros(4), "conv2_1_1x1_up.weight": torch.zeros(4)}
    assert "unexpected key conv2_1_1x1_down.weight (and 1 more)" in refused(change(extra))


def test_wrong_shape(refused: Refused, change: Callable[..., Path]) -> None:
    message = refused(change({"conv1_7x7_s2.weight": torch.zeros(64, 1, 7, 7)}))
    assert "conv1_7x7_s2.weight has shape (64, 1, 7, 7), the network needs (64, 3, 7, 7)" in message
    other_classes = {"classifier.weight": torch.zeros(1000, 2048), "classifier.bias": None}
    assert "classifier.weight has shape (1000, 2048)" in refused(change(other_classes))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(
    refused: Refused, change: Callable[..., Path], value: float
) -> None:
    bias = torch.zeros(64)
    bias[3] = value
    message = refused(change({"conv1_7x7_s2_bn.bias": bias}))
    assert "conv1_7x7_s2_bn.bias holds values that are not finite" in message
    whole = refused(change({"conv1_7x7_s2_bn.bias": torch.ones(64, dtype=torch.int64)}))
    assert "conv1_7x7_s2_bn.bias" in whole


def test_another_networks_file(
    refused: Refused, caffe_weights: dict[str, Tensor], tmp_path: Path
) -> None:
    """Torchvision's names fit the pickle format's; what tells them apart must be looked at."""
    path = tmp_path / "torchvision.pth"
    face = references.to_torchvision(caffe_weights) | {"fc.weight": torch.zeros(8631, 2048)}
    torch.save({name: value.half() for name, value in face.items()}, path)
    assert "missing key conv1_7x7_s2.weight" in refused(path)
    assert "fc.weight has shape (8631, 2048), expected (1000, 2048)" in refused(
        path, "resnet50_imagenet"
    )
    torch.save({"state_dict": {"conv1_7x7_s2.weight": torch.zeros(2)}}, path)
    assert "'state_dict' is a dict" in refused(path)
    torch.save(caffe_weights["conv1_7x7_s2.weight"], path)
    assert "holds a Tensor" in refused(path)


def test_converted_file_of_another_network(refused: Refused, tmp_path: Path) -> None:
    """The two ResNets share all names and shapes: the header tells them apart."""
    net = build("random_resnet50")
    net.name = "resnet50_imagenet"
    path = tmp_path / "converted.safetensors"
    weights.save(net, path)
    assert "not converted weights of resnet50_vggface2" in refused(path)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, path)
    assert "its entry 'microexpr' says None" in refused(path)
    np.savez(tmp_path / "bare.npz", **{"stem.weight": np.zeros((32, 3, 3, 3), "f4")})
    assert "its entry 'microexpr' says None" in refused(tmp_path / "bare.npz", "mobilenet_vggface2")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated_files(refused: Refused, caffe_file: Path, tmp_path: Path, share: float) -> None:
    sources = {".pth": caffe_file, ".safetensors": SHIPPED}
    small = {"a": np.arange(1000, dtype="f4")}
    np.savez(tmp_path / "whole.npz", **small)
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file["a"] = small["a"]
    sources |= {".npz": tmp_path / "whole.npz", ".h5": tmp_path / "whole.h5"}
    for suffix, source in sources.items():
        data = source.read_bytes()
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(data[: int(len(data) * share)])
        assert "damaged" in refused(path), suffix


def test_pth_with_code_in_it(refused: Refused, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return Path.mkdir, (tmp_path / "executed",)

    for zipped in (True, False):
        path = tmp_path / "evil.pth"
        torch.save({"a": Evil()}, path, _use_new_zipfile_serialization=zipped)
        assert "damaged, or not a .pth file of plain tensors" in refused(path)
    assert not (tmp_path / "executed").exists()


def test_known_name_with_another_checksum(refused: Refused, caffe_file: Path) -> None:
    """A reported checksum is an error that the user can override, knowing the file."""
    path = caffe_file.with_name("resnet50_128.pth")
    path.hardlink_to(caffe_file)
    own = hashlib.sha256(path.read_bytes()).hexdigest()
    message = refused(path)
    assert weights.KNOWN["resnet50_128.pth"].sha256 in message and "reported" in message
    assert f"set features.weights.sha256 to {own}" in message
    net = build("resnet50_vggface2", weights_path=str(path), weights_sha256=own.upper())
    assert net.weights_sha256 == own


def test_given_checksum(refused: Refused, caffe_file: Path) -> None:
    wrong = "0" * 64
    message = refused(caffe_file, weights_sha256=wrong)
    assert f"features.weights.sha256 says {wrong}" in message
    assert weights.sha256_of(caffe_file) in message


def test_checksum_in_the_name(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "resnet50-0676ba61.pth"
    path.write_bytes(b"half a download")
    assert "not 0676ba61... as its name says" in refused(path, "resnet50_imagenet")


def test_damaged_shipped_file(refused: Refused, tmp_path: Path) -> None:
    data = bytearray(SHIPPED.read_bytes())
    data[-1] ^= 1
    path = tmp_path / SHIPPED.name
    path.write_bytes(data)
    assert "the known one is" in refused(path, "mobilenet_vggface2")
