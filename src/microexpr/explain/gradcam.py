"""Grad-CAM (Selvaraju et al. 2017) on any block of a backbone, through captum.

The score of a clip depends on a block's maps A of a frame only through that frame's pooled features
p(A). So ``d score / dA = g . dp / dA`` with ``g = d score / dp``, computed once for the classifier:
frames are explained in chunks of any size, and blocks below the one in question run without
gradients. A test compares with one backward pass through everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from microexpr.errors import ConfigError

if TYPE_CHECKING:
    from microexpr.backbones import Backbone

CHUNK_FRAMES = 8  # forward and backward at a time: B1 of 8 frames takes some 100 MB


class AboveBlock(nn.Module):
    """The network above block Bk as a score per frame, with a module that captum can listen to.

    B(k + 1)..Bn, head and pooling follow the block; the network is in evaluation mode.
    """

    def __init__(self, backbone: Backbone, block: int) -> None:
        super().__init__()
        self.maps = nn.Identity()
        self._backbone, self._block = backbone, block

    def forward(self, maps: Tensor, gradient: Tensor) -> Tensor:
        """Score frames: maps (F, C, h, w) and ``d score / dp`` (F, C') to (F, 1)."""
        pooled = pool(self._backbone, self.maps(maps), self._block)
        return (pooled * gradient).sum(1, keepdim=True)


def pool(backbone: Backbone, maps: Tensor, block: int) -> Tensor:
    """Take maps after `block` (F, C, h, w), also after the last one, to pooled features (F, C')."""
    for following in backbone.blocks[block:]:
        maps = following(maps)
    return backbone.head(maps).mean((2, 3))


def grad_cam(backbone: Backbone, block: int, maps: Tensor, gradient: Tensor) -> Tensor:
    """Weigh the channels of a block by their mean gradient and add them up.

    Parameters
    ----------
    backbone : Backbone
        In evaluation mode.
    block : int
        k, 1..n_blocks.
    maps : Tensor, shape (F, C, h, w), float32
        After block k.
    gradient : Tensor, shape (F, C')
        Of the score with respect to the pooled features of each frame.

    Returns
    -------
    Tensor, shape (F, h, w), float32
        Equation 2 of the paper before its ReLU: positive where the maps speak for the score. The
        ReLU is applied where frames are added up or drawn.
    """
    backbone.check_cut(block)
    above = AboveBlock(backbone, block)
    cam = LayerGradCam(above, above.maps)
    chunks = zip(maps.split(CHUNK_FRAMES), gradient.split(CHUNK_FRAMES), strict=True)
    cams = [
        cam.attribute(frames, target=0, additional_forward_args=(wanted,)).detach()
        for frames, wanted in chunks
    ]
    return torch.cat(cams)[:, 0]


@torch.no_grad()
def block_maps(
    backbone: Backbone, blocks: Sequence[int], x: Tensor, *, start: int = 0
) -> Iterator[tuple[int, Tensor]]:
    """Run the network upwards and yield the maps of `blocks`, none of them below `start`.

    Parameters
    ----------
    backbone : Backbone
        In evaluation mode.
    blocks : sequence of int
        Numbers; the maps come in ascending order.
    x : Tensor
        Preprocessed images (F, 3, y, x) with `start` 0, else maps after block `start`.
    start : int
        Last block that was run: the cut of a cache.

    Yields
    ------
    block : int
    maps : Tensor, shape (F, C, h, w), float32

    Raises
    ------
    ConfigError
        When the network has no such block, or it lies below `start`.
    """
    for block in blocks:
        backbone.check_cut(block)
        if block < start:
            raise ConfigError(f"block B{block} lies below B{start}, from which the maps are")
    maps = x.float() if start else backbone.stem(x)
    if start and start in blocks:
        yield start, maps
    for number in range(start + 1, max(blocks) + 1):
        maps = backbone.blocks[number - 1](maps)
        if number in blocks:
            yield number, maps


def explain_frames(
    backbone: Backbone, activations: Mapping[int, Tensor], gradients: Mapping[str, Tensor]
) -> dict[tuple[str, int], np.ndarray]:
    """Explain several scores of the same frames at several blocks.

    `activations` are maps, (F, C, h, w) by block, from :func:`block_maps`, `gradients`, (F, C'), by
    the name of the score; the results are (F, h, w), float32, by score and block.
    """
    return {
        (name, block): grad_cam(backbone, block, maps, gradient.to(maps.device)).cpu().numpy()
        for block, maps in activations.items()
        for name, gradient in gradients.items()
    }


def last_of_each_size(backbone: Backbone, size_px: int) -> list[int]:
    """Return the last block of each map size of at most a sixteenth of the crop.

    For MobileNet-v1 these are B11 and B13, for ResNet-50 B13 and B16; a map of B5 or B7 takes three
    times as long as both together.
    """
    x = torch.zeros(1, 3, size_px, size_px, device=next(backbone.parameters()).device)
    every = range(1, backbone.n_blocks + 1)
    sizes = {block: maps.shape[-1] for block, maps in block_maps(backbone, every, x)}
    last = {size: block for block, size in sizes.items() if size <= size_px / 16}
    return sorted(last.values())
