"""Grad-CAM (Selvaraju et al. 2017) on any block: of a fold's network, the backbone, two controls.

A clip's score depends on a block's maps A only through each frame's pooled features p(A), so
``d score / dA = g . dp / dA`` with ``g = d score / dp``, computed once: frames are explained in
chunks, and blocks below run without gradients. Controls as in Adebayo et al. (2018):
``random_head`` has a new classifier, ``random`` new weights in all blocks too.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import h5py
import numpy as np
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from microexpr.backbones.base import Backbone
from microexpr.backbones.weights import randomised
from microexpr.config import Windows
from microexpr.errors import ConfigError
from microexpr.explain.maps import BACKBONE, RANDOM, RANDOM_HEAD, TRAINED, Maps
from microexpr.explain.scores import over_frames
from microexpr.training.feature_modes import FeatureTransform, PooledSums
from microexpr.training.model import TrainedModel, WindowClassifier
from microexpr.training.windows import windows

CHUNK_FRAMES = 8  # forward and backward at a time: B1 of 8 frames takes some 100 MB


class AboveBlock(nn.Module):
    """The network above a block as a score per frame, with a module that captum can listen to."""

    def __init__(self, backbone: Backbone, block: int) -> None:
        super().__init__()
        self.maps = nn.Identity()
        self.backbone, self._block = backbone, block

    def forward(self, maps: Tensor, gradient: Tensor) -> Tensor:
        """Score frames: maps (F, C, h, w) and ``d score / dp`` (F, C') to (F, 1)."""
        pooled = self.backbone.above(self.maps(maps), self._block)
        return (pooled * gradient).sum(1, keepdim=True)


def grad_cam(backbone: Backbone, block: int, maps: Tensor, gradient: Tensor) -> Tensor:
    """Weigh maps (F, C, h, w) by their mean gradient: (F, h, w), equation 2 before its ReLU."""
    backbone.check_cut(block)
    above = AboveBlock(backbone, block)
    cam = LayerGradCam(above, above.maps)
    chunks = zip(maps.split(CHUNK_FRAMES), gradient.split(CHUNK_FRAMES), strict=True)
    found = [cam.attribute(some, target=0, additional_forward_args=(g,)) for some, g in chunks]
    return torch.cat(found).detach()[:, 0]


@torch.no_grad()
def block_maps(
    backbone: Backbone, blocks: Sequence[int], x: Tensor, *, start: int = 0
) -> Iterator[tuple[int, Tensor]]:
    """Run the network upwards and yield the maps of `blocks`, ascending, (F, C, h, w) float32.

    `x` are preprocessed images (F, 3, y, x) with `start` 0, else maps after block `start`.
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
    """Explain scores (gradients by name) of the same frames (maps by block), (F, h, w) each."""
    return {
        (name, block): grad_cam(backbone, block, maps, gradient.to(maps.device)).cpu().numpy()
        for block, maps in activations.items()
        for name, gradient in gradients.items()
    }


def last_of_each_size(backbone: Backbone, size_px: int) -> list[int]:
    """Return the last block of each map size of at most a sixteenth of the crop."""
    x = torch.zeros(1, 3, size_px, size_px, device=next(backbone.parameters()).device)
    every = range(1, backbone.n_blocks + 1)
    sizes = {block: maps.shape[-1] for block, maps in block_maps(backbone, every, x)}
    last = {size: block for block, size in sizes.items() if size <= size_px / 16}
    return sorted(last.values())


def apex_window(apex: int, length: int, n: int) -> np.ndarray:
    """Return the N frame numbers around the apex, (N,); short clips repeat their first frame."""
    if length < n:
        return np.maximum(np.arange(n) - (n - length), 0)
    start = min(max(apex - n // 2, 0), length - n)
    return start + np.arange(n)


def class_gradient(model: TrainedModel, pooled: Tensor, windows: Tensor, target: int) -> Tensor:
    """Differentiate the logit of a class (before the softmax; the mean over windows), (F, C).

    `pooled` (F, C) has the clip's first frame first, `windows` (W, N) are its rows.
    """
    model.classifier.eval()  # on the CPU: cuDNN differentiates an LSTM in training mode only
    features = pooled.detach().cpu().float().requires_grad_(True)
    with torch.enable_grad():
        # The onset counts as constant, or the first frame's map would outshine all others.
        frames = model.transform(features, features.detach()[:1].expand_as(features))
        score = model.classifier(frames, windows).mean(0)[target]
        return torch.autograd.grad(score, features)[0]


def strongest_unit(pooled: Tensor) -> Tensor:
    """Return the gradient of each frame's strongest pooled unit, (F, C): the target untrained."""
    return torch.zeros_like(pooled).scatter_(1, pooled.argmax(1, keepdim=True), 1.0)


def untrained(model: TrainedModel, pooled: Tensor, seed: int) -> TrainedModel:
    """Return a model with a random classifier, its inputs `pooled` scaled to unit variance."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = WindowClassifier(**cast(dict[str, Any], model.classifier.settings))
    feature_mode = "onset_difference" if model.transform.difference else "raw"
    sums = PooledSums.of([[pooled]], 1)
    scale = FeatureTransform.fit(feature_mode, sums, [0], standardise=True)
    return TrainedModel(scale, classifier.eval(), None)


@dataclass(frozen=True)
class ClipInputs:
    """What is known of a clip."""

    clip_id: str  # also the seed of its controls
    images: h5py.Dataset | np.ndarray  # (T, y, x, 3) uint8: faces or magnified faces
    features: h5py.Dataset | np.ndarray  # (T, C, h, w): of the same frames, after the cut
    target: int  # class whose evidence is shown
    apex: int  # frame number from 0

    def __len__(self) -> int:
        return len(self.features)


class ClipExplainer:
    """Grad-CAM of one method, cut after block `cut`; `backbone` has the weights of the start."""

    def __init__(self, backbone: Backbone, cut: int, *, n: int, settings: Windows) -> None:
        self.backbone = backbone.eval().requires_grad_(False)
        self._cut, self._n, self._settings = cut, n, settings
        self._device = next(backbone.parameters()).device

    def at_apex(self, clip: ClipInputs, model: TrainedModel, blocks: Sequence[int]) -> Maps:
        """Explain the window around the apex with all models: (h, w), positive parts added up."""
        window = apex_window(clip.apex, len(clip), self._n)
        rows = np.union1d(window, [0])  # the onset is what differences are taken to
        at = torch.from_numpy(np.searchsorted(rows, window))[None]
        inside = np.isin(rows, window)
        seed = zlib.crc32(clip.clip_id.encode())
        pooled = self._pooled(clip, model, rows)
        scores = {
            TRAINED: class_gradient(model, pooled, at, clip.target),
            RANDOM_HEAD: class_gradient(untrained(model, pooled, seed), pooled, at, clip.target),
        }
        network = self._network(model)
        last = network.n_blocks
        maps = self._activations(clip, network, rows[inside], [*blocks, last])
        gradients = {name: gradient[inside] for name, gradient in scores.items()}
        if model.fine_tuned is None:  # the blocks are the same: one run serves both
            gradients[BACKBONE] = strongest_unit(network.above(maps[last], last))
        found = explain_frames(network, {block: maps[block] for block in blocks}, gradients)
        if model.fine_tuned is not None:
            found |= self.before_training(clip, rows[inside], blocks)

        network = randomised(self.backbone, seed).requires_grad_(False)
        maps = self._activations(clip, network, rows, [*blocks, last], cached=False)
        pooled = network.above(maps[last], last).cpu()
        score = class_gradient(untrained(model, pooled, seed), pooled, at, clip.target)
        maps = {block: maps[block][inside] for block in blocks}
        found |= explain_frames(network, maps, {RANDOM: score[inside]})
        return {key: over_frames(values) for key, values in found.items()}

    def before_training(self, clip: ClipInputs, rows: np.ndarray, blocks: Sequence[int]) -> Maps:
        """Explain the strongest pooled unit of frames `rows`, as the poster's authors did."""
        last = self.backbone.n_blocks
        maps = self._activations(clip, self.backbone, rows, [*blocks, last])
        scores = {BACKBONE: strongest_unit(self.backbone.above(maps[last], last))}
        return explain_frames(self.backbone, {block: maps[block] for block in blocks}, scores)

    def over_time(
        self, clip: ClipInputs, model: TrainedModel, rows: np.ndarray, blocks: Sequence[int]
    ) -> Maps:
        """Explain frames by the clip's prediction, the mean over all windows; (F, h, w), signed."""
        pooled = self._pooled(clip, model, np.arange(len(clip)))
        how = self._settings
        found = windows(len(clip), self._n, modes=how.modes, even=how.even, short="pad")
        score = class_gradient(model, pooled, torch.from_numpy(found), clip.target)
        network = self._network(model)
        maps = self._activations(clip, network, rows, blocks)
        return explain_frames(network, maps, {TRAINED: score[rows]})

    def _network(self, model: TrainedModel) -> Backbone:
        """Return the blocks that a fold's model looks through: fine-tuned ones where it has any."""
        if model.fine_tuned is None:
            return self.backbone
        return model.fine_tuned.backbone.to(self._device).eval().requires_grad_(False)

    def _activations(
        self,
        clip: ClipInputs,
        network: Backbone,
        rows: np.ndarray,
        blocks: Sequence[int],
        *,
        cached: bool = True,
    ) -> dict[int, Tensor]:
        """Run blocks after the cut from the cache, and only those before it from images."""
        inside = cached and self._cut < network.n_blocks
        behind = [block for block in blocks if inside and block >= self._cut]
        found: dict[int, Tensor] = {}
        for start, read, some in (
            (0, clip.images, set(blocks) - set(behind)),
            (self._cut, clip.features, set(behind)),
        ):
            if some:
                values = torch.from_numpy(read[rows]).to(self._device)
                x = values if start else network.preprocess(values)
                found |= dict(block_maps(network, sorted(some), x, start=start))
        return found

    def _pooled(self, clip: ClipInputs, model: TrainedModel, rows: np.ndarray) -> Tensor:
        """Return pooled features as in training: from the cache, or through fine-tuned blocks."""
        cached = torch.from_numpy(clip.features[rows])
        if model.fine_tuned is None:
            return cached.flatten(1).float()
        network = self._network(model)
        with torch.no_grad():
            return network.back(cached.to(self._device), self._cut).cpu()
