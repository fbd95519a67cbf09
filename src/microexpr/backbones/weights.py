"""From a name in the configuration to a network with verified weights; adding a file of them."""

import copy
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

import safetensors.torch
import torch
from torch import Tensor

from microexpr.backbones.base import Backbone, Conv, channels_last
from microexpr.backbones.keymaps import OWN, ChannelOrder, Layout
from microexpr.backbones.networks import NETWORKS, installed, weights_file
from microexpr.backbones.readers import HEADER, read
from microexpr.config import Features
from microexpr.errors import ConfigError, WeightsError
from microexpr.runtime.files import read_note, sha256_of, write_bytes, write_json

GREY_SD = 64.0  # typical standard deviation of a picture, grey levels of 255
CONVERTED, NOTE = ".safetensors", ".json"  # a converted file, and where it comes from
# Hubs put the first digits of the checksum into the name: resnet50-0676ba61.pth.
NAMED_CHECKSUM = re.compile(r"-([0-9a-f]{8})\.(?:pth|safetensors)$")


class Known(NamedTuple):
    """The checksum of a file as it is distributed; `reported`: by others, not seen here."""

    size_bytes: int
    sha256: str
    reported: bool = False


KNOWN = {
    "resnet50_128.pth": Known(
        95_334_575, "c8b59711ad0a22f98f124c796a662151adba882f6a80ce71ddbb21b052464de1", True
    ),
    "resnet50_ft_weight.pkl": Known(
        165_000_856, "9a954e4046df21aea62b46c032de4b56f7230dfc3705b6b1bda348983e0eb26e", True
    ),
    "mobilenet_v1_vggface2_base_fp16.safetensors": Known(
        6_396_760, "4cbad0ba421216c3d6adadb3f92c1f1a5e0f2594fc498f82afe8e2abec7eacf3"
    ),
    "efficientnet-lite0-57934424.pth": Known(
        18_826_032, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    ),
}


def build(
    backbone: str,
    *,
    weights_path: str | None = None,
    weights_sha256: str | None = None,
    seed: int = 0,
) -> Backbone:
    """Make the network ``features.backbone`` with its weights, in evaluation mode, on the CPU."""
    path = weights_file(backbone, weights_path)
    net = without_weights(backbone)
    if path is None:
        _fill_randomly(net, seed)
        return channels_last(net.eval())
    layouts: Mapping[str, Layout] = NETWORKS.load(backbone, "layouts")
    if path.suffix not in layouts:
        raise WeightsError(f"{path}: {backbone} is read from {', '.join(layouts)} files")
    checksum = verify(path, weights_sha256)
    fill(net, path, *read(path), layouts)
    net.weights_name, net.weights_sha256 = path.name, checksum
    return channels_last(net.eval())


def network_of(settings: Features) -> Backbone:
    """Make the network that the configuration names, with its weights."""
    weights = settings.weights
    path, sha256 = (weights.path, weights.sha256) if weights else (None, None)
    return build(settings.backbone, weights_path=path, weights_sha256=sha256)


def without_weights(backbone: str) -> Backbone:
    """Make a network whose tensors are on the meta device, to be replaced."""
    with torch.device("meta"):  # needs no time and no random numbers
        net: Backbone = NETWORKS.load(backbone, "make")()
    net.name = backbone
    return net


def randomised(net: Backbone, seed: int) -> Backbone:
    """Copy a network and draw all its weights anew: an untrained control."""
    copied = copy.deepcopy(net)
    _fill_randomly(copied, seed)
    return channels_last(copied.eval().to(next(net.parameters()).device))


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


def verify(path: Path, sha256: str | None = None) -> str:
    """Return a file's checksum; WeightsError: not the expected one, or else that of its name."""
    found = sha256_of(path)
    if sha256 is not None:
        if found != sha256.lower():
            raise WeightsError(
                f"{path}: sha256 is {found}, features.weights.sha256 says {sha256.lower()}"
            )
        return found
    beside = path.with_suffix(NOTE)
    note = read_note(beside) if path.suffix == CONVERTED else {}
    if note.get("network") and (noted := note.get("sha256", found)) != found:
        raise WeightsError(f"{path}: sha256 is {found}, {beside.name} beside it says {noted}")
    advice = f"if you trust the file set features.weights.sha256 to {found}"
    if (known := KNOWN.get(path.name)) and found != known.sha256:
        kind = "reported" if known.reported else "known"
        raise WeightsError(
            f"{path}: sha256 is {found} ({path.stat().st_size} bytes), the {kind} one is "
            f"{known.sha256} ({known.size_bytes} bytes); {advice}"
        )
    named = NAMED_CHECKSUM.search(path.name)
    if named and not found.startswith(named[1]):
        raise WeightsError(
            f"{path}: sha256 is {found}, not {named[1]}... as its name says; {advice}"
        )
    return found


def fill(
    backbone: Backbone,
    path: Path,
    tensors: Mapping[str, Tensor],
    text: str | None,
    layouts: Mapping[str, Layout],
) -> None:
    """Fill a network with the tensors and header of a file; WeightsError for another network."""
    # A converted file has own names, whatever its suffix means otherwise.
    layout = OWN if text and path.suffix == CONVERTED else layouts[path.suffix]
    order = layout.order or _order(text, path, backbone.name)
    shapes = {name: tuple(value.shape) for name, value in backbone.state_dict().items()}
    try:
        state = layout.to_own(tensors, shapes, order)
    except WeightsError as error:
        raise WeightsError(f"{path} is not {layout.title}: {error}") from None
    backbone.load_state_dict(state, assign=True)


def save(backbone: Backbone, path: str | os.PathLike[str]) -> None:
    """Write a network's weights as ``.safetensors`` with own names, RGB, float32."""
    state = {name: value.contiguous() for name, value in backbone.state_dict().items()}
    write_bytes(path, safetensors.torch.save(state, header(backbone.name, "rgb")))


def header(network: str, order: ChannelOrder) -> dict[str, str]:
    """Return the metadata of a converted file: its keys do not determine network and order."""
    return {HEADER: json.dumps({"channel_order": order, "network": network})}


def _order(text: str | None, path: Path, network: str) -> ChannelOrder:
    """Read the channel order from a converted file's header."""
    for order in get_args(ChannelOrder):
        if text == header(network, order)[HEADER]:
            return order
    raise WeightsError(
        f"{path}: not converted weights of {network}: its entry {HEADER!r} says {text!r}, "
        f"expected such as {header(network, 'rgb')[HEADER]!r}"
    )


# Weights that the user adds: converted once, and found in the folder of `installed` afterwards.


def add(path: Path, *, network: str | None = None, sha256: str | None = None) -> dict[str, Any]:
    """Verify a file, convert it and put it where the loader looks; return the note beside it."""
    layouts = {n.name: NETWORKS.load(n.name, "layouts") for n in NETWORKS.values() if n.addable}
    if network is not None and network not in layouts:
        raise ConfigError(f"--network {network}: weights are added for {', '.join(layouts)}")
    chosen = {k: v for k, v in layouts.items() if network in (None, k) and path.suffix in v}
    if path.is_file() and not chosen:
        suffixes = sorted({suffix for known in layouts.values() for suffix in known})
        raise WeightsError(f"{path}: weights are read from {', '.join(suffixes)} files")
    checksum = verify(path, sha256)
    net = _recognised(path, chosen)
    target = installed(net.name)
    if target.exists() and target.samefile(path):
        raise WeightsError(f"{path} is in its place already; see microexpr weights check")
    # A note that outlived its file would call the next one damaged.
    target.with_suffix(NOTE).unlink(missing_ok=True)
    save(net, target)
    note = {
        "file": target.name,
        "sha256": sha256_of(target),
        "network": net.name,
        "source": path.name,
        "source_sha256": checksum,
        "known": path.name in KNOWN and KNOWN[path.name].sha256 == checksum,
        "licence": NETWORKS[net.name].licence,
    }
    write_json(target.with_suffix(NOTE), note)
    return note


def _recognised(path: Path, candidates: Mapping[str, Mapping[str, Layout]]) -> Backbone:
    """Find the network whose layout the file has."""
    tensors, text = read(path)
    problems = []
    for name, layouts in candidates.items():
        net = without_weights(name)
        try:
            fill(net, path, tensors, text, layouts)
            return net
        except WeightsError as error:
            problems.append(str(error))
    raise WeightsError("; ".join(problems))


def place(network: str) -> Path | None:
    """Return the weights file that the loader takes by itself; None where there is none."""
    try:
        return weights_file(network)
    except WeightsError:
        return None
