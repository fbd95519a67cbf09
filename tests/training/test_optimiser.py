"""The optimiser gives the weights of torch.optim, without importing torch's compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from microexpr.training.fitting import AdamW, one_cycle


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.LayerNorm(5), torch.nn.Linear(5, 3))


def of_torch(groups: list[tuple], schedule: str, steps: int):
    """Do the same with torch.optim."""
    optimiser = torch.optim.AdamW(
        [{"params": parameters, "lr": lr} for parameters, lr in groups],
        weight_decay=0.01,
        fused=True,
    )
    rates = [lr for _, lr in groups]
    if schedule == "one_cycle":
        return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps)
    return optimiser, torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0, 0)


@pytest.mark.parametrize("schedule", ["one_cycle", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 25])
def test_weights_are_those_of_torch_bit_by_bit(schedule, steps):
    ours, theirs = network(), network()
    frozen = theirs[1].bias  # it never gets a gradient
    groups = [
        [(list(net[0].parameters()), 0.1), (list(net[1:].parameters()), 0.003)]
        for net in (ours, theirs)
    ]
    mine = AdamW(groups[0], 0.01, schedule, steps)
    optimiser, rates = of_torch(groups[1], schedule, steps)
    ours[1].bias.requires_grad_(False)
    frozen.requires_grad_(False)
    data = torch.randn(steps, 8, 6)
    for x in data:
        for net, forget in ((ours, mine.zero_grad), (theirs, optimiser.zero_grad)):
            forget()
            net(x).square().mean().backward()
        mine.step()
        optimiser.step()
        rates.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(ours[0].weight, network()[0].weight)


def test_the_rate_rises_to_its_peak_and_falls_to_almost_nothing():
    rates, betas = zip(*(one_cycle(step, 10, 2.0) for step in range(10)), strict=True)
    assert max(rates) == rates[2] == pytest.approx(2.0)
    assert rates[0] == pytest.approx(2.0 / 25)
    assert rates[-1] == pytest.approx(2.0 / 25e4)
    assert min(betas) == betas[2] == pytest.approx(0.85)


def test_training_does_not_import_the_compiler():
    program = (
        "import sys, torch\n"
        "from microexpr.training.fitting import AdamW\n"
        "layer = torch.nn.Linear(2, 2)\n"
        "layer(torch.ones(1, 2)).sum().backward()\n"
        "groups = [(list(layer.parameters()), 0.1)]\n"
        "AdamW(groups, 0.0, 'one_cycle', 3).step()\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
