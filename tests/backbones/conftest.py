"""One set of random ResNet-50 weights for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import references
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def caffe_weights() -> dict[str, Tensor]:
    return references.random_caffe_resnet50()


@pytest.fixture(scope="session")
def caffe_file(caffe_weights: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "vggface2.pth"
    torch.save(caffe_weights, path)
    return path
