"""How each file format writes each network: names, channel order, axes.

Own names are those of our modules, such as ``blocks.7.reduce.bn.weight``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from microexpr.backbones.architectures import LITE0_STAGES, RESNET50_STAGES
from microexpr.errors import WeightsError

ChannelOrder = Literal["rgb", "bgr"]
ANY = -1  # a dimension of a dropped entry that differs between files
BN = ("weight", "bias", "running_mean", "running_var")
TORCH_VARIABLES = ("weight", *BN)
KERAS_VARIABLES = ("kernel", "gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True)
class Layout:
    """The names and conventions of one file format for one network."""

    title: str  # for messages
    # Name in the file by own name; empty: the file uses the own names.
    keys: Mapping[str, str] = field(default_factory=dict)
    # Entries that may be there and are not used, such as the classifier, with their shapes (without
    # axes of length 1): another shape means another network.
    dropped: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    order: ChannelOrder | None = None  # of the first convolution; None: the file's header says it
    hwio: bool = False  # kernels are (height, width, in, out), not (out, in, height, width)

    def to_own(
        self,
        tensors: Mapping[str, Tensor],
        shapes: Mapping[str, tuple[int, ...]],
        order: ChannelOrder,
    ) -> dict[str, Tensor]:
        """Return a file's tensors as float32 by own name, for RGB input; WeightsError on others."""
        keys = self.keys or {own: own for own in shapes}
        self._check_names(tensors, list(keys.values()))
        state = {}
        for own, theirs in keys.items():
            value = tensors[theirs]
            if not value.is_floating_point() or not value.isfinite().all():
                raise WeightsError(f"key {theirs} holds values that are not finite numbers")
            if self.hwio and value.ndim == 4:
                value = value.permute(3, 2, 0, 1)
            if tuple(value.shape) != shapes[own]:
                raise WeightsError(
                    f"key {theirs} has shape {tuple(value.shape)}, the network needs {shapes[own]}"
                )
            if own.startswith("stem.") and value.ndim == 4 and order == "bgr":
                value = value.flip(1)
            state[own] = value.float().contiguous()
        return state

    def _check_names(self, tensors: Mapping[str, Tensor], needed: list[str]) -> None:
        if missing := [name for name in needed if name not in tensors]:
            raise WeightsError(f"missing key {missing[0]}{_more(missing)}")
        for name in self.dropped.keys() & tensors.keys():
            found, expected = tuple(n for n in tensors[name].shape if n != 1), self.dropped[name]
            if len(found) != len(expected) or any(
                b not in (ANY, a) for a, b in zip(found, expected, strict=True)
            ):
                raise WeightsError(f"key {name} has shape {found}, expected {expected}")
        known = {*needed, *self.dropped}
        others = (name for name in tensors if name not in known)
        if unexpected := [n for n in others if not n.endswith(".num_batches_tracked")]:
            raise WeightsError(f"unexpected key {unexpected[0]}{_more(unexpected)}")


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def _unit(
    own: str, conv: str, bn: str, variables: tuple[str, ...] = TORCH_VARIABLES
) -> dict[str, str]:
    """Map the names of a convolution's kernel and of its BatchNorm's four tensors."""
    kernel, *norm = variables
    names = {f"{own}.bn.{ours}": f"{bn}{theirs}" for ours, theirs in zip(BN, norm, strict=True)}
    return {f"{own}.weight": f"{conv}{kernel}"} | names


def _resnet_units() -> Iterator[tuple[str, int, int, str]]:
    """Yield own name, stage 2..5, block 1..6 and Caffe's role of each block's convolutions."""
    stages = enumerate(RESNET50_STAGES, 2)
    blocks = [(stage, i) for stage, (count, _) in stages for i in range(1, count + 1)]
    for block, (stage, i) in enumerate(blocks):
        roles = {"reduce": "1x1_reduce", "spatial": "3x3", "increase": "1x1_increase"}
        for own, caffe in (roles | ({"proj": "1x1_proj"} if i == 1 else {})).items():
            yield f"blocks.{block}.{own}", stage, i, caffe


def _caffe_keys(*, keras: bool) -> dict[str, str]:
    bn, dot, variables = ("/bn", "/", KERAS_VARIABLES) if keras else ("_bn", ".", TORCH_VARIABLES)
    layers = [("stem.conv", "conv1/7x7_s2" if keras else "conv1_7x7_s2")]
    layers += [(own, f"conv{stage}_{i}_{role}") for own, stage, i, role in _resnet_units()]
    keys: dict[str, str] = {}
    for own, name in layers:
        keys |= _unit(own, f"{name}{dot}", f"{name}{bn}{dot}", variables)
    return keys


def _torchvision_keys() -> dict[str, str]:
    numbers = {"1x1_reduce": 1, "3x3": 2, "1x1_increase": 3}
    keys = _unit("stem.conv", "conv1.", "bn1.")
    for own, stage, i, role in _resnet_units():
        conv, bn = "downsample.0", "downsample.1"
        if role in numbers:
            conv, bn = f"conv{numbers[role]}", f"bn{numbers[role]}"
        block = f"layer{stage - 1}.{i - 1}"
        keys |= _unit(own, f"{block}.{conv}.", f"{block}.{bn}.")
    return keys


def _efficientnet_keys() -> dict[str, str]:
    keys = _unit("stem", "_conv_stem.", "_bn0.")
    expansions = [expand for repeats, _, _, expand, _ in LITE0_STAGES for _ in range(repeats)]
    for block, expand in enumerate(expansions):
        names = {"depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}
        if expand > 1:
            names["expand"] = ("_expand_conv", "_bn0")
        for own, (conv, bn) in names.items():
            prefix = f"_blocks.{block}."
            keys |= _unit(f"blocks.{block}.{own}", f"{prefix}{conv}.", f"{prefix}{bn}.")
    return keys | _unit("head", "_conv_head.", "_bn1.")


def _classifier(name: str, classes: int, width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a fully connected layer."""
    return {f"{name}.weight": (classes, width), f"{name}.bias": (classes,)}


OWN = Layout("converted weights")
RESNET50_CAFFE = Layout(
    "VGGFace2 ResNet-50 with Caffe names",
    _caffe_keys(keras=False),
    # The last one is of the 128-D and 256-D variants.
    _classifier("classifier", 8631, 2048) | {"feat_extract.weight": (ANY, 2048)},
    "rgb",
)
RESNET50_KERAS = Layout(
    "VGGFace2 ResNet-50 with Keras names",
    _caffe_keys(keras=True),
    {"classifier/kernel": (2048, 8631), "classifier/bias": (8631,)},
    "bgr",
    hwio=True,
)
_TORCHVISION, _VGGFACE2 = _torchvision_keys(), _classifier("fc", 8631, 2048)
RESNET50_PICKLE = Layout(
    "VGGFace2 ResNet-50 with torchvision's names", _TORCHVISION, _VGGFACE2, "bgr"
)
RESNET50_TORCHVISION = Layout(
    "ImageNet ResNet-50 of torchvision", _TORCHVISION, _classifier("fc", 1000, 2048), "rgb"
)
LITE0 = Layout(
    "ImageNet EfficientNet-Lite0", _efficientnet_keys(), _classifier("_fc", 1000, 1280), "rgb"
)
# Layouts of each network's files, by suffix.
CONVERTED = {".safetensors": OWN, ".npz": OWN}
DISTRIBUTED = {".pth": RESNET50_CAFFE, ".pkl": RESNET50_PICKLE, ".h5": RESNET50_KERAS}
RESNET50_VGGFACE2 = DISTRIBUTED | CONVERTED
RESNET50_IMAGENET = {".pth": RESNET50_TORCHVISION, ".safetensors": RESNET50_TORCHVISION}
EFFICIENTNET_LITE0 = {".pth": LITE0, **CONVERTED}
