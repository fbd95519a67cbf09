"""From a name in the configuration to a network with weights."""

from __future__ import annotations

import copy
import hashlib

import torch
from torch import Tensor

from microexpr.backbones import weights
from microexpr.backbones.base import Backbone, channels_last
from microexpr.backbones.layers import Conv
from microexpr.backbones.networks import NETWORKS, weights_file
from microexpr.config.training import WeightedNetwork

GREY_SD = 64.0  # typical standard deviation of a picture, grey levels of 255


def build(
    backbone: str,
    *,
    weights_path: str | None = None,
    weights_sha256: str | None = None,
    seed: int = 0,
) -> Backbone:
    """Make a backbone with its weights, in evaluation mode, on the CPU.

    Parameters
    ----------
    backbone : str
        ``features.backbone``.
    weights_path, weights_sha256 : str, optional
        The user's file and its checksum (section ``features.weights``); None: the shipped or
        installed file, and the known checksum.
    seed : int
        Of random weights. The global random state is neither read nor changed.

    Raises
    ------
    ConfigError, WeightsError
        On an unknown name or a file for random weights; when the file is missing, damaged, of
        another network or of another checksum.
    """
    path = weights_file(backbone, weights_path)
    net = without_weights(backbone)
    if path is None:
        _fill_randomly(net, seed)
    else:
        weights.load(net, path, NETWORKS.load(backbone, "layouts"), sha256=weights_sha256)
    return channels_last(net.eval())


def network_of(settings: WeightedNetwork) -> Backbone:
    """Make the network that the configuration names, with its weights."""
    weights = settings.weights
    return build(
        settings.backbone,
        weights_path=weights.path if weights else None,
        weights_sha256=weights.sha256 if weights else None,
    )


def without_weights(backbone: str) -> Backbone:
    """Make a network whose tensors are on the meta device, to be replaced."""
    with torch.device("meta"):  # needs no time and no random numbers
        net: Backbone = NETWORKS.load(backbone, "make")()
    net.name = backbone
    return net


def randomised(net: Backbone, seed: int) -> Backbone:
    """Copy a network and draw all its weights anew: an untrained control."""
    copied = copy.deepcopy(net)
    device = next(net.parameters()).device
    _fill_randomly(copied, seed)
    return channels_last(copied.eval().to(device))


def _fill_randomly(net: Backbone, seed: int) -> None:
    """Draw weights as He et al. (2015), the first layer scaled to grey levels of 255."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    for name, tensor in net.state_dict().items():
        one = name.endswith(("bn.weight", "running_var"))
        state[name] = torch.full(tensor.shape, float(one))
    for name, module in net.named_modules():
        if isinstance(module, Conv):
            gain = 2**0.5 if module.activation else 1.0
            kernel = state[f"{name}.weight"]
            fan_in = kernel[0].numel()
            scale = GREY_SD if name.startswith("stem") else 1.0
            kernel.normal_(0.0, gain / (scale * fan_in**0.5), generator=generator)
    net.load_state_dict(state, assign=True)
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + state[name].numpy().tobytes())
    net.weights_name, net.weights_sha256 = f"random, seed {seed}", digest.hexdigest()
