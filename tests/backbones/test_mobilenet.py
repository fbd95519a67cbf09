"""The shipped weights: what they are, what they compute, that they see faces."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import references
import torch
from torch import Tensor

from microexpr.backbones.base import Backbone
from microexpr.backbones.networks import SHIPPED
from microexpr.backbones.weights import KNOWN, build
from microexpr.runtime.files import sha256_of

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SOURCE = SHARED / "weights" / "mobilenet_v1_vggface2_base_fp16.npz"


def read_source() -> dict[str, Tensor]:
    if not SOURCE.exists():
        pytest.skip("the prototype's weights are not at hand")
    with np.load(SOURCE) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def net() -> Backbone:
    return build("mobilenet_vggface2")


def test_the_file_is_the_one_described() -> None:
    note = json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
    assert note["file"] == SHIPPED.name
    assert note["sha256"] == sha256_of(SHIPPED) == KNOWN[SHIPPED.name].sha256
    assert SHIPPED.stat().st_size == KNOWN[SHIPPED.name].size_bytes
    assert {text.split(":")[0] for text in note["licences"]} == {"Apache-2.0", "MIT"}


def test_it_holds_the_prototype_weights(net: Backbone) -> None:
    source = references.flip_first(read_source(), "stem.weight")  # the file is BGR, the net RGB
    state = net.state_dict()
    assert state.keys() == source.keys()
    for name, value in source.items():
        assert torch.equal(state[name], value.float()), name


@torch.no_grad()
def test_it_computes_what_the_definition_computes(net: Backbone) -> None:
    """An odd side too: SAME padding differs there."""
    state = references.flip_first(net.state_dict(), "stem.weight")
    for side_px in (96, 75):
        pictures = references.random_pictures(2, side_px)
        bgr = pictures.flip(-1).permute(0, 3, 1, 2)
        x = bgr - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
        expected = references.mobilenet_v1(state, x)
        error = (net(net.preprocess(pictures)) - expected).norm() / expected.norm()
        assert error < 1e-5


def face_crops(path: Path, box_px: tuple[int, int, int], frames: list[int]) -> Tensor:
    reader = cv2.VideoCapture(str(path))
    crops, (x, y, side) = [], box_px
    for number in range(max(frames) + 1):
        picture = reader.read()[1]
        if number in frames:
            crop = picture[y : y + side, x : x + side, ::-1]
            crops.append(cv2.resize(crop, (224, 224), interpolation=cv2.INTER_AREA))
    return torch.from_numpy(np.stack(crops))


@torch.no_grad()
def test_a_face_stays_near_itself_and_far_from_another(
    net: Backbone, shared_video: Callable[[str], Path]
) -> None:
    one = face_crops(shared_video("single_face.mp4"), (157, 53, 277), [0, 60])
    two = face_crops(shared_video("evm_face.mp4"), (0, 23, 528), [0])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(one.shape, generator=generator) * 4
    noisy = (one + noise).round().clamp(0, 255).to(torch.uint8)
    neutral, smile, same, _, other = net(net.preprocess(torch.cat([one, noisy, two])))
    cosine = partial(torch.nn.functional.cosine_similarity, dim=0)
    assert cosine(neutral, same) > 0.95  # noise of 4 grey levels
    assert cosine(neutral, smile) > 0.8
    assert cosine(neutral, other) < 0.5
