"""STSTNet for many folds at a time: one model whose filters are those of all folds.

The folds share the clips of a batch, each without those that it tests, so one matrix product gives
the first layer of all. BatchNorm and the gradient need sums over its maps only.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

KERNEL, PADDING = 3, 2  # of the convolution; the pooling takes 3x3 and pads by 1
SIZE_PX = 28
MAP_PX = SIZE_PX + 2 * PADDING - KERNEL + 1
POOLED_PX, HALF_PX = 10, 5  # after the pooling, and after the averaging


class FoldNetworks:
    """Networks of :class:`.apex_networks.STSTNet`, one for each fold, which are trained together.

    `inputs` are the maps of all clips, (clips, channels, 28, 28), `scales` what each fold divides
    them by, (folds, channels), and `trained` the clips that a fold is trained on, (folds, clips).
    The networks share the memory of the stacked parameters: they are trained in place. Each fold
    draws what is dropped from its own one of `rngs`.
    """

    def __init__(
        self,
        networks: Sequence[nn.Sequential],
        inputs: Tensor,
        scales: Tensor,
        trained: Tensor,
        rngs: Sequence[np.random.Generator],
    ) -> None:
        convolution, norm, linear = (networks[0][i] for i in (0, 2, 7))
        assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
        assert isinstance(linear, nn.Linear)
        self.filters, self.eps, self.momentum = norm.num_features, norm.eps, norm.momentum or 0.1
        self.dropout = next(layer.p for layer in networks[0] if isinstance(layer, nn.Dropout))
        patches = nn.functional.unfold(inputs, KERNEL, padding=PADDING).transpose(1, 2)
        # (clips, positions, weights and bias)
        self.patches = nn.functional.pad(patches, (0, 1), value=1.0).contiguous()
        taps = torch.ones(KERNEL**2, device=inputs.device)
        # What divides each row of the stacked weights, (weights and bias, folds, 1).
        divisors = torch.kron(scales, taps[None])
        self.divisors = nn.functional.pad(divisors, (0, 1), value=1.0).T[:, :, None]
        self.trained, self.rngs = trained.T.to(inputs.dtype), rngs  # (clips, folds)
        self.stacked = {
            name: nn.Parameter(torch.stack([n.get_parameter(name).data for n in networks]))
            for name, _ in networks[0].named_parameters()
        }
        self.buffers = {
            name: torch.stack([n.get_buffer(name) for n in networks])
            for name in ("2.running_mean", "2.running_var")
        }
        self.kept = self.places = inputs.new_empty(0)
        for i, network in enumerate(networks):
            for name, values in self.stacked.items():
                network.get_parameter(name).data = values.data[i]
            for name, statistics in self.buffers.items():
                network.get_buffer(name).data = statistics[i]

    def step(
        self,
        clips: Tensor,
        classes: Tensor,
        class_weights: Tensor,
        optimiser: torch.optim.Optimizer,
    ) -> Tensor:
        """Learn from a batch of clips of `classes`; return each fold's mean loss, (folds,)."""
        member = self.trained[clips]
        maps = self._maps(clips, member)
        logits = self._head(maps, member)
        importance = class_weights[:, classes].T * member
        lost = nn.functional.cross_entropy(
            logits.flatten(0, 1), classes.repeat_interleave(logits.shape[1]), reduction="none"
        ).view(member.shape)
        loss = (lost * importance).sum(0) / importance.sum(0).clamp(min=1e-12)
        optimiser.zero_grad()
        loss.sum().backward()
        convolution, bias = self.stacked["0.weight"], self.stacked["0.bias"]
        gradient = self._gradient(clips, maps) / self.divisors
        convolution.grad = gradient[:-1].permute(1, 2, 0).reshape(convolution.shape).contiguous()
        bias.grad = gradient[-1].contiguous()
        optimiser.step()
        return loss.detach()

    @torch.no_grad()
    def _maps(self, clips: Tensor, member: Tensor) -> "Maps":
        """Pool the maps of clips and drop values; keep what the loss and its gradient need.

        BatchNorm comes before the pooling; but it raises or reverses all values of a map alike,
        so the largest one is where it was, or, where its weight is negative, the smallest one.
        """
        parameters = [self.stacked["0.weight"].flatten(2), self.stacked["0.bias"][:, :, None]]
        rows = torch.cat(parameters, dim=2).permute(2, 0, 1) / self.divisors
        weights = rows.flatten(1)  # for inputs as they are: (weights and bias, folds * filters)
        count, width = len(clips), weights.shape[1]
        if len(self.places) < count:
            self.kept = weights.new_empty(count, POOLED_PX**2, width)
            self.places = torch.empty_like(self.kept, dtype=torch.int64)
        drawn = self._drawn(count)
        found, left = weights.new_empty(2, count, HALF_PX**2, width)
        maps, product = weights.new_empty(MAP_PX**2, width), torch.empty_like(weights)
        pooled = weights.new_empty(POOLED_PX**2, width)
        by_value, by_sign = torch.zeros_like(weights), torch.zeros_like(weights)
        each = member.repeat_interleave(self.filters, dim=1)
        sign = torch.where(self.stacked["2.weight"] < 0, -1.0, 1.0).flatten()
        reverse = bool((sign < 0).any())
        pool, average = torch.ops.aten.max_pool2d_with_indices.out, torch.ops.aten.avg_pool2d.out
        for i, clip in enumerate(clips.tolist()):
            torch.mm(self.patches[clip], weights, out=maps).relu_()
            torch.mm(self.patches[clip].T, maps, out=product)
            by_value.addcmul_(product, each[i])
            shown = _grid(maps * sign if reverse else maps)
            pool(shown, 3, 3, 1, 1, False, out=_grid(pooled), indices=_grid(self.places[i]))
            if reverse:
                pooled *= sign
            kept = self.kept[i].copy_(drawn[i])
            average(_grid(kept), 2, out=_grid(left[i]))
            average(_grid(pooled * kept), 2, out=_grid(found[i]))
            kept *= pooled.sign_()
            torch.mm(self.patches[clip].T, maps.sign_(), out=product)
            by_sign.addcmul_(product, each[i])
        shape = len(self.rngs), self.filters
        squares = (weights.double() * by_value.double()).sum(0).view(shape)
        sums = by_value[-1].double().view(shape)
        for leaf in (found, sums, squares):
            leaf.requires_grad_()
        return Maps(found, sums, squares, left, by_value, by_sign)

    def _head(self, maps: "Maps", member: Tensor) -> Tensor:
        """Normalise and classify; return logits, (clips, folds, classes)."""
        clips, folds = member.shape
        values = (member.sum(0).double() * MAP_PX**2).clamp(min=2)[:, None]
        mean = maps.sums / values
        variance = (maps.squares / values - mean**2).clamp(min=0)
        with torch.no_grad():
            unbiased = variance * values / (values - 1)
            for name, statistic in (("2.running_mean", mean), ("2.running_var", unbiased)):
                self.buffers[name].lerp_(statistic.float(), self.momentum)
        weight, bias = self.stacked["2.weight"], self.stacked["2.bias"]
        slope = weight / (variance.float() + self.eps).sqrt()
        shift = bias - mean.float() * slope
        normal = maps.found * slope.flatten() + maps.left * shift.flatten()
        scaled = normal.view(clips, HALF_PX**2, folds, -1) / (1 - self.dropout)
        flat = scaled.permute(2, 0, 3, 1).reshape(folds, clips, -1)  # as nn.Flatten orders them
        linear, offset = self.stacked["7.weight"], self.stacked["7.bias"]
        return torch.baddbmm(offset[:, None], flat, linear.transpose(1, 2)).transpose(0, 1)

    def _drawn(self, clips: int) -> Tensor:
        """Draw what dropout keeps, (clips, places, folds * filters) bool."""
        shape, levels = (clips, POOLED_PX**2, self.filters), round(256 * self.dropout)
        drawn = [rng.integers(0, 256, shape, dtype=np.uint8) >= levels for rng in self.rngs]
        return torch.from_numpy(np.stack(drawn, axis=2)).flatten(2).to(self.patches.device)

    @torch.no_grad()
    def _gradient(self, clips: Tensor, maps: "Maps") -> Tensor:
        """Return the loss's gradient by the stacked weights, (weights and bias, folds, filters).

        A map reaches the loss by its largest values, its sum and the sum of its squares.
        """
        by_found, by_sums, by_squares = (leaf.grad for leaf in maps[:3])
        assert by_found is not None and by_sums is not None and by_squares is not None
        total = maps.by_sign * by_sums.float().flatten()
        total.addcmul_(maps.by_value, by_squares.float().flatten(), value=2)
        by_found = by_found.view(len(clips), HALF_PX, 1, HALF_PX, 1, -1) / 4
        slope = total.new_empty(MAP_PX**2, total.shape[1])
        for i, clip in enumerate(clips.tolist()):
            by_pooled = self.kept[i].view(HALF_PX, 2, HALF_PX, 2, -1) * by_found[i]
            slope.zero_().scatter_(0, self.places[i], by_pooled.view(POOLED_PX**2, -1))
            total.addmm_(self.patches[clip].T, slope)
        return total.view(len(total), -1, self.filters)


class Maps(NamedTuple):
    """What is kept of the first layer's maps."""

    found: Tensor  # after pooling, dropout and averaging, (clips, places, folds * filters)
    sums: Tensor  # of a map's values over the training clips, (folds, filters) float64
    squares: Tensor  # the same of their squares
    left: Tensor  # share of the pooled values that dropout keeps, as `found`
    by_value: Tensor  # sums of the patches, times the map: (weights and bias, folds * filters)
    by_sign: Tensor  # the same where the map is not 0


def _grid(values: Tensor) -> Tensor:
    """View (positions, channels) as (1, channels, size, size), for the pooling."""
    size = math.isqrt(len(values))
    return values.view(1, size, size, -1).permute(0, 3, 1, 2)
