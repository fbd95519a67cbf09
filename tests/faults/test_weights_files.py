"""Weights that are cut, of another network, too large or programs: refused, and nothing runs."""

from __future__ import annotations

import json
import os
import pickle
import zipfile

import h5py
import pytest
import torch
from safetensors.torch import save_file

from microexpr.backbones.networks import SHIPPED
from microexpr.backbones.readers import read
from microexpr.errors import WeightsError

SECTION = "Weights"


def features(tmp_path, path, backbone="resnet50_vggface2"):
    config = {"features": {"backbone": backbone, "cut": 1, "weights": {"path": str(path)}}}
    files = ("--images", tmp_path / "faces.h5", "--features", tmp_path / "o.h5")
    return ["stage", "features", *files, "--config", json.dumps(config)]


class Program:
    """Makes a folder when it is loaded."""

    def __init__(self, folder) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_pickle_that_is_a_program(tmp_path, fails):
    (tmp_path / "w.pkl").write_bytes(pickle.dumps({"conv1.weight": Program(tmp_path / "ran")}))
    says = "w.pkl: damaged, or not a .pkl file of plain tensors .it asks for posix.mkdir"
    fails(
        SECTION,
        "a pickle that contains a program",
        *features(tmp_path, tmp_path / "w.pkl"),
        says=says,
    )
    torch.save({"a": Program(tmp_path / "ran")}, tmp_path / "w.pth")
    says = "w.pth: damaged, or not a .pth file of plain tensors"
    fails(
        SECTION,
        "a .pth file that contains a program",
        *features(tmp_path, tmp_path / "w.pth"),
        says=says,
    )
    assert not (tmp_path / "ran").exists()
    pickle.loads((tmp_path / "w.pkl").read_bytes())  # any other reader runs it
    assert (tmp_path / "ran").exists()


def test_a_truncated_file(tmp_path, fails):
    path = tmp_path / "w.safetensors"
    path.write_bytes(SHIPPED.read_bytes()[:100_000])
    says = "w.safetensors: damaged, or not a .safetensors file"
    arguments = features(tmp_path, path, "mobilenet_vggface2")
    fails(SECTION, "truncated", *arguments, says=says)


def test_another_network(tmp_path, fails):
    says = "it.* is not|not converted weights of resnet50_vggface2"
    fails(SECTION, "weights of another network", *features(tmp_path, SHIPPED), says=says)
    save_file({"a": torch.zeros(2)}, tmp_path / "w.safetensors")
    arguments = features(tmp_path, tmp_path / "w.safetensors", "mobilenet_vggface2")
    fails(
        SECTION, "weights of an unknown network", *arguments, says="its entry 'microexpr' says None"
    )


def test_no_file(tmp_path, fails):
    arguments = features(tmp_path, tmp_path / "gone.pth")
    fails(SECTION, "no file", *arguments, says="features.weights.path: there is no file", row=False)


@pytest.mark.slow
def test_files_that_unpack_to_more_than_there_is_memory(tmp_path, fails):
    with (
        zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(65):
            file.write(bytes(2**24))
    says = "w.npz: damaged, .*would unpack to 10905.* bytes"
    fails(SECTION, "1 MB that unpacks to 1 GB", *features(tmp_path, tmp_path / "w.npz"), says=says)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("conv/kernel", (10**6, 10**6), "f4", chunks=(1000, 1000))
    says = "w.h5: damaged, .*would unpack to 4000000000000 bytes"
    fails(SECTION, "an array of 4 TB", *features(tmp_path, tmp_path / "w.h5"), says=says)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("conv/bias", (8,), "f4", external=[("/etc/passwd", 0, 32)])
    says = "w.h5: damaged, .*conv/bias has its values in another file"
    arguments = features(tmp_path, tmp_path / "w.h5")
    fails(SECTION, "an array in another file", *arguments, says=says)


@pytest.mark.parametrize("opcode", [b"r", b"p"])
def test_a_pickle_that_reserves_memory(tmp_path, opcode):
    """Object number two thousand million: the interpreter would set 32 GB aside."""
    number = (2**31 - 1).to_bytes(4, "little") if opcode == b"r" else b"2147483647\n"
    (tmp_path / "w.pkl").write_bytes(b"\x80\x02}" + opcode + number + b".")
    with pytest.raises(WeightsError, match="it numbers an object 2147483647"):
        read(tmp_path / "w.pkl")
