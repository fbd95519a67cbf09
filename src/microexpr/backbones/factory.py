"""From a name in the configuration to a network with weights."""

from __future__ import annotations

import copy
import hashlib

import torch
from torch import Tensor

from microexpr.backbones import weights
from microexpr.backbones.base import Backbone
from microexpr.backbones.layers import Conv
from microexpr.backbones.networks import NETWORKS, weights_file

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
    weights_path : str, optional
        The user's file (``features.weights.path``); None: the shipped or installed one.
    weights_sha256 : str, optional
        Expected checksum (``features.weights.sha256``); None: the known one, where there is one.
    seed : int
        Of the random backbones. The global random state is neither read nor changed.

    Returns
    -------
    Backbone
        With `name`, `weights_name` and `weights_sha256` set.

    Raises
    ------
    ConfigError
        On an unknown name, or a file for a random backbone.
    WeightsError
        When the file is missing, damaged, of another network or of another checksum.
    """
    path = weights_file(backbone, weights_path)
    net = without_weights(backbone)
    if path is None:
        _fill_randomly(net, seed)
    else:
        weights.load(net, path, NETWORKS.load(backbone, "layouts"), sha256=weights_sha256)
    return net.eval().to(memory_format=torch.channels_last)


def without_weights(backbone: str) -> Backbone:
    """Make a network whose tensors are yet to come: they are on the meta device."""
    with torch.device("meta"):  # no time and no random numbers for weights that are replaced
        net: Backbone = NETWORKS.load(backbone, "make")()
    net.name = backbone
    return net


def randomised(net: Backbone, seed: int) -> Backbone:
    """Copy a network and draw all its weights anew: a control that has learned nothing."""
    copied = copy.deepcopy(net)
    device = next(net.parameters()).device
    _fill_randomly(copied, seed)
    return copied.eval().to(device, memory_format=torch.channels_last)


def _fill_randomly(net: Backbone, seed: int) -> None:
    """He initialisation (He et al. 2015), the first layer scaled to grey levels of 255."""
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
