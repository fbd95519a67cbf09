"""The cut: cached front + back is the network, training touches the back alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import references
import torch
import torch.nn.functional as F
from torch import nn

from microexpr.backbones.architectures import efficientnet_lite0
from microexpr.backbones.base import Backbone, ConvBn, relu
from microexpr.backbones.weights import build
from microexpr.errors import ConfigError, DataError
from trained_models import feature_shape

PICTURES = references.random_pictures(3, 96, seed=4)
CUTS = {"mobilenet": (1, 6, 12, 13), "resnet50": (1, 3, 8, 15, 16), "lite0": (1, 8, 15, 16)}


def with_lively_statistics(net: Backbone) -> Backbone:
    """BatchNorm far from the identity, so that a wrong use of it shows."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith(("bn.weight", "running_var")):
                value.uniform_(0.7, 1.4, generator=generator)
            elif name.endswith(("bn.bias", "running_mean")):
                value.normal_(0, 0.1, generator=generator)
    return net


def make(kind: str) -> Backbone:
    if kind == "mobilenet":
        return build("mobilenet_vggface2")
    if kind == "resnet50":
        return with_lively_statistics(build("random_resnet50", seed=3))
    torch.manual_seed(3)
    net = efficientnet_lite0()
    net.name = kind
    return with_lively_statistics(net)


@pytest.fixture(params=sorted(CUTS))
def net(request: pytest.FixtureRequest) -> Backbone:
    return make(request.param)


@torch.no_grad()
def test_front_and_back_make_the_network(net: Backbone, request: pytest.FixtureRequest) -> None:
    x = net.preprocess(PICTURES)
    whole = net(x)
    assert whole.dtype == torch.float32
    for cut in CUTS[request.node.callspec.params["net"]]:
        maps = net.front(x, cut)
        assert maps.shape == (3, *feature_shape(net, cut, 96))
        assert torch.allclose(net.back(maps, cut), whole, rtol=1e-5, atol=1e-5 * whole.abs().max())
        rounded = net.back(maps.contiguous().half(), cut)
        assert (rounded - whole).norm() / whole.norm() < 1e-2


@torch.no_grad()
def test_a_frame_does_not_depend_on_its_batch(net: Backbone) -> None:
    x = net.preprocess(PICTURES)
    net.train()
    together, alone = net(x), torch.cat([net(x[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5 * together.abs().max())


@pytest.mark.parametrize("kind", sorted(CUTS))
def test_a_step_moves_the_back_and_nothing_else(kind: str) -> None:
    net = make(kind).train()
    cut = CUTS[kind][-2]
    before = {name: value.clone() for name, value in net.state_dict().items()}
    maps = net.front(net.preprocess(PICTURES), cut).detach()
    optimiser = torch.optim.SGD(net.retrained_parameters(cut), lr=1e-3)
    net.back(maps, cut).square().sum().backward()
    optimiser.step()
    backs = ("head.", *(f"blocks.{k}." for k in range(cut, net.n_blocks)))
    for name, value in net.state_dict().items():
        retrained = name.startswith(backs) and "running_" not in name
        assert torch.equal(value, before[name]) != retrained, name


def test_nothing_is_retrained_after_the_last_cut(net: Backbone) -> None:
    assert net.retrained_parameters(net.n_blocks) == []
    every = {id(p) for p in net.retrained_parameters(1)}
    frozen = {id(p) for p in [*net.stem.parameters(), *net.blocks[0].parameters()]}
    assert every | frozen == {id(p) for p in net.parameters()} and not every & frozen


def test_folded_batchnorm_has_the_gradients_of_the_two_steps() -> None:
    torch.manual_seed(0)
    layer = ConvBn(4, 6, 3, stride=2, activation=relu)
    plain = nn.BatchNorm2d(6).eval()
    for value in layer.bn.state_dict().values():
        nn.init.uniform_(value, 0.5, 1.5)
    plain.load_state_dict(layer.bn.state_dict(), strict=False)
    x, weight = torch.randn(2, 4, 9, 9), layer.weight.detach().clone().requires_grad_()
    expected = plain(F.conv2d(x, weight, None, 2, 1)).relu()
    assert torch.allclose(layer(x), expected, atol=1e-6)
    layer(x).square().sum().backward()
    expected.square().sum().backward()
    pairs = [(layer.weight, weight), (layer.bn.weight, plain.weight), (layer.bn.bias, plain.bias)]
    for ours, theirs in pairs:
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)


def test_shapes_at_224_px() -> None:
    resnet = build("random_resnet50")
    assert feature_shape(resnet, 8) == (1024, 14, 14)
    assert feature_shape(resnet, 16) == (2048, 1, 1)
    mobile = build("mobilenet_vggface2")
    assert feature_shape(mobile, 6) == (512, 14, 14)
    assert feature_shape(mobile, 12) == (1024, 7, 7)
    assert feature_shape(mobile, 13) == (1024, 1, 1)


@pytest.mark.parametrize("cut", [0, -1, 14, 99])
def test_a_cut_outside_the_network(cut: int) -> None:
    net = build("mobilenet_vggface2")
    message = rf"features\.cut: {cut} is outside 1\.\.13, the blocks of mobilenet_vggface2"
    for call in (
        lambda: net.front(torch.zeros(1, 3, 32, 32), cut),
        lambda: net.back(torch.zeros(1, 512, 2, 2), cut),
        lambda: net.retrained_parameters(cut),
    ):
        with pytest.raises(ConfigError, match=message):
            call()


def test_frames_of_another_type() -> None:
    net = build("mobilenet_vggface2")
    for frames in (PICTURES.float(), PICTURES[0], PICTURES.permute(0, 3, 1, 2)):
        with pytest.raises(DataError, match=r"\(T, H, W, 3\) uint8"):
            net.preprocess(frames)


def test_random_backbones_follow_their_seed_alone() -> None:
    torch.manual_seed(11)
    state = torch.get_rng_state()
    first, again = build("random_mobilenet", seed=1), build("random_mobilenet", seed=1)
    other = build("random_mobilenet", seed=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256
    x = first.preprocess(PICTURES)
    with torch.no_grad():
        assert torch.equal(first(x), again(x))
        assert not torch.allclose(first(x), other(x))
        # Alive: neither all zero nor stuck at ReLU6's ceiling.
        assert 0.01 < first(x).mean() < 3
    assert not first.training


def test_names_and_files_that_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"features\.backbone: 'vgg16' is none of mobilenet"):
        build("vgg16")
    with pytest.raises(ConfigError, match=r"features\.weights: random_resnet50 takes no file"):
        build("random_resnet50", weights_path=str(tmp_path / "x.pth"))
