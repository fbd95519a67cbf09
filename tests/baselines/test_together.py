"""Folds that are trained together get the same networks as folds that are trained alone."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from planted_faces import LABELS
from torch import nn

from microexpr import baselines
from microexpr.baselines.base import Descriptors
from microexpr.baselines.networks import Schedule
from microexpr.baselines.together import FoldNetworks
from microexpr.config import Config
from microexpr.protocol import Fold

CLIPS, FOLDS = 30, 4
SCHEDULE = Schedule(epochs=4, batch_clips=16, lr=0.01, weight_decay=1e-3)


def networks(dropout: float) -> list[nn.Sequential]:
    made = []
    for seed in range(FOLDS):
        torch.manual_seed(seed)
        made.append(baselines.build("ststnet", Config()).network(3))
        made[-1][4].p = dropout
    # BatchNorm that turns a map around: then its smallest value is the largest.
    made[1][2].weight.data[[2, 7]] *= -1
    return made


def clips() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return maps, classes, and the clips of each fold; large areas of equal values have ties."""
    rng = np.random.default_rng(0)
    maps = torch.from_numpy(rng.normal(20, 30, (CLIPS, 3, 28, 28)).round(-1).astype(np.float32))
    maps[:, :, 8:20, 4:] = 40
    trained = torch.ones(FOLDS, CLIPS, dtype=torch.bool)
    for fold in range(FOLDS):
        trained[fold, 3 * fold : 5 * fold + 3] = False
    return maps, torch.from_numpy(rng.integers(0, 3, CLIPS)), trained


def together(nets, trained, scales, weights) -> list[torch.Tensor]:
    maps, classes, _ = clips()
    rngs = [np.random.default_rng([7, i]) for i in range(FOLDS)]
    chosen = trained.any(1)
    group = FoldNetworks(
        [net for net, used in zip(nets, chosen, strict=True) if used],
        maps,
        scales[chosen],
        trained[chosen],
        [rng for rng, used in zip(rngs, chosen, strict=True) if used],
    )
    optimiser = SCHEDULE.optimiser_of(group.stacked.values())
    losses = []
    rng = np.random.default_rng(1)
    for _ in range(SCHEDULE.epochs):
        for part in SCHEDULE.batches(rng, CLIPS):
            losses.append(group.step(part, classes[part], weights[chosen], optimiser))
    return losses


def test_they_are_the_networks_of_plain_training():
    maps, classes, trained = clips()
    scales, weights = 20 + 20 * torch.rand(FOLDS, 3), 0.5 + torch.rand(FOLDS, 3)
    plain = networks(dropout=0)
    ours = copy.deepcopy(plain)
    losses = together(ours, trained, scales, weights)
    for i, network in enumerate(plain):
        inputs = maps / scales[i][:, None, None]
        optimiser = SCHEDULE.optimiser_of(network.parameters())
        loss_of, found = nn.CrossEntropyLoss(weights[i]), []
        rng = np.random.default_rng(1)
        for _ in range(SCHEDULE.epochs):
            for part in SCHEDULE.batches(rng, CLIPS):
                mine = part[trained[i, part]]
                loss = loss_of(network(inputs[mine]), classes[mine])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                found.append(loss.detach())
        torch.testing.assert_close(torch.stack(losses)[:, i], torch.stack(found), rtol=1e-4, atol=0)
        wanted = network.eval()(inputs)
        torch.testing.assert_close(ours[i].eval()(inputs), wanted, rtol=1e-3, atol=1e-3)
        assert wanted.std() > 0.1


def test_a_fold_alone_is_the_fold_in_a_group():
    maps, _, trained = clips()
    scales, weights = torch.full((FOLDS, 3), 30.0), torch.ones(FOLDS, 3)
    group = networks(dropout=0.5)
    start = copy.deepcopy(group)
    together(group, trained, scales, weights)
    for i in range(FOLDS):
        alone = copy.deepcopy(start)
        only = torch.zeros_like(trained)
        only[i] = trained[i]
        together(alone, only, scales, weights)
        wanted = group[i].eval()(maps / 30)
        torch.testing.assert_close(alone[i].eval()(maps / 30), wanted, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(wanted, start[i].eval()(maps / 30), atol=0.1)


@pytest.mark.parametrize("class_weights", [False, True])
def test_the_system_trains_folds_together_as_alone(class_weights):
    maps, classes, trained = clips()
    names = tuple(f"c{i}" for i in range(CLIPS))
    labels = tuple(LABELS[k] for k in classes)
    examples = Descriptors(names, names, labels, maps.numpy(), digest="")
    everyone = np.arange(CLIPS)
    folds = [
        Fold(f"f{i}", tuple(everyone[row].tolist()), tuple(everyone[~row].tolist()))
        for i, row in enumerate(trained.numpy())
    ]
    config = {"compare": {"epochs": 3}, "train": {"class_weights": class_weights}}
    system = baselines.build("ststnet", Config.parse(config))
    system.schedule = replace(system.schedule, lr=0.01)
    epochs = list(system.each_epoch(examples, folds, seed=0))
    assert len(epochs) == 3
    for i, fold in enumerate(folds):
        found = system.predict(examples, fold, seed=0).probabilities
        np.testing.assert_allclose(epochs[-1][i].probabilities, found, atol=1e-4)
        assert np.abs(epochs[0][i].probabilities - found).max() > 0.01
