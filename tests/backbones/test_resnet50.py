"""ResNet-50: two geometries, three foreign formats, two channel orders."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
import pytest
import references
import torch
from torch import Tensor

from microexpr.backbones.base import Backbone
from microexpr.backbones.weights import build, header, save

PICTURES = references.random_pictures(2, 96)
VGGFACE2_MEAN = torch.tensor([131.0912, 103.8827, 91.4953]).view(3, 1, 1)


def relative_error(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


@torch.no_grad()
def features(net: Backbone) -> Tensor:
    return net(net.preprocess(PICTURES))


@pytest.fixture(scope="module")
def expected(caffe_weights: dict[str, Tensor]) -> Tensor:
    x = PICTURES.permute(0, 3, 1, 2) - VGGFACE2_MEAN
    return references.resnet50(caffe_weights, x)


def test_caffe_file_gives_what_the_definition_gives(caffe_file: Path, expected: Tensor) -> None:
    net = build("resnet50_vggface2", weights_path=str(caffe_file))
    assert features(net).shape == (2, 2048)
    assert relative_error(features(net), expected) < 1e-5
    assert net.weights_name == "vggface2.pth" and len(net.weights_sha256) == 64


def test_torchvision_geometry(caffe_weights: dict[str, Tensor], tmp_path: Path) -> None:
    """ImageNet's network: stride on the 3x3 convolution, padded pooling, its own preprocessing."""
    state = references.to_torchvision(caffe_weights)
    # As a zoo file: classifier and step counters are there and not used.
    state |= {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    state["bn1.num_batches_tracked"] = torch.tensor(7)
    torch.save(state, tmp_path / "imagenet.pth")
    net = build("resnet50_imagenet", weights_path=str(tmp_path / "imagenet.pth"))
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    x = (PICTURES.permute(0, 3, 1, 2) / 255 - mean) / std
    expected = references.resnet50(caffe_weights, x, caffe=False)
    assert relative_error(features(net), expected) < 1e-5


def test_the_two_geometries_are_different_networks(
    caffe_weights: dict[str, Tensor], expected: Tensor
) -> None:
    x = PICTURES.permute(0, 3, 1, 2) - VGGFACE2_MEAN
    other = references.resnet50(caffe_weights, x, caffe=False)
    assert other.shape == expected.shape
    assert relative_error(other, expected) > 0.05


class Python2Pickler(pickle._Pickler):
    """Writes arrays as Python 2 did: raw bytes as its str type."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_str2(self, text: str | bytes) -> None:
        raw = text if isinstance(text, bytes) else text.encode("latin1")
        self.write(pickle.BINSTRING + struct.pack("<i", len(raw)) + raw)
        self.memoize(text)

    dispatch[bytes] = dispatch[str] = save_str2


def write_pickle(state: dict[str, Tensor], path: Path, protocol: int | None) -> None:
    arrays = {name: value.numpy() for name, value in state.items()}
    if protocol is not None:
        path.write_bytes(pickle.dumps(arrays, protocol))
        return
    with path.open("wb") as file:
        Python2Pickler(file, 2).dump(arrays)
    data = path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path.write_bytes(data)


@pytest.mark.parametrize("protocol", [None, 2, 5], ids=["python2", "2", "5"])
def test_pickle_is_bgr_with_torchvision_names(
    caffe_weights: dict[str, Tensor], expected: Tensor, tmp_path: Path, protocol: int | None
) -> None:
    state = references.flip_first(references.to_torchvision(caffe_weights), "conv1.weight")
    if protocol == 2:
        state |= {"fc.weight": torch.zeros(8631, 2048).half(), "fc.bias": torch.zeros(8631)}
    write_pickle(state, tmp_path / "face.pkl", protocol)
    net = build("resnet50_vggface2", weights_path=str(tmp_path / "face.pkl"))
    assert relative_error(features(net), expected) < 1e-5


def test_keras_file_is_bgr_with_transposed_kernels(
    caffe_weights: dict[str, Tensor], expected: Tensor, tmp_path: Path
) -> None:
    path = tmp_path / "face.h5"
    flipped = references.flip_first(caffe_weights, "conv1_7x7_s2.weight")
    with h5py.File(path, "w") as file:
        for name, value in references.to_keras(flipped).items():
            file[name] = value
    net = build("resnet50_vggface2", weights_path=str(path))
    assert relative_error(features(net), expected) < 1e-5


def test_caffe_variants(caffe_weights: dict[str, Tensor], expected: Tensor, tmp_path: Path) -> None:
    """What is not used may be there: 128-D convolution, classifier shaped like a convolution."""
    extra = {
        "feat_extract.weight": torch.zeros(128, 2048, 1, 1),
        "classifier.weight": torch.zeros(8631, 2048, 1, 1).half(),
        "classifier.bias": torch.zeros(8631),
    }
    path = tmp_path / "old.pth"
    torch.save({**caffe_weights, **extra}, path, _use_new_zipfile_serialization=False)
    net = build("resnet50_vggface2", weights_path=str(path))
    assert relative_error(features(net), expected) < 1e-5


def test_converted_file_round_trip(caffe_file: Path, expected: Tensor, tmp_path: Path) -> None:
    net = build("resnet50_vggface2", weights_path=str(caffe_file))
    save(net, tmp_path / "converted.safetensors")
    again = build("resnet50_vggface2", weights_path=str(tmp_path / "converted.safetensors"))
    assert torch.equal(features(again), features(net))
    state = references.flip_first(net.state_dict(), "stem.conv.weight")
    arrays = {name: value.numpy() for name, value in state.items()}
    arrays["microexpr"] = np.array(header("resnet50_vggface2", "bgr")["microexpr"])
    np.savez(tmp_path / "converted.npz", **arrays)
    bgr = build("resnet50_vggface2", weights_path=str(tmp_path / "converted.npz"))
    assert relative_error(features(bgr), expected) < 1e-5
