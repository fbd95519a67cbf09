"""The classifier on gathered windows, fine-tuned blocks, feature modes of frames."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from networks import small_backbone
from torch import nn

from microexpr.backbones.weights import build
from microexpr.errors import ConfigError
from microexpr.training import feature_modes
from microexpr.training.feature_modes import (
    FeatureTransform,
    FineTunedBlocks,
    Frames,
    pooled_sums,
)
from microexpr.training.model import ByteDropout, WindowClassifier
from microexpr.training.store import FeatureStore
from microexpr.training.windows import WindowTable, windows

CPU = torch.device("cpu")


def maps_store(shape=(6, 4, 4), lengths=(9, 12), dtype=np.float32) -> FeatureStore:
    rng = np.random.default_rng(1)
    features = {
        f"clip{i}": np.abs(rng.normal(size=(length, *shape))).astype(dtype)
        for i, length in enumerate(lengths)
    }
    names = [f"s{i}" for i in range(len(lengths))]
    return FeatureStore.from_arrays(features, subjects=names, labels=["a"] * len(lengths))


def gradients(module: nn.Module) -> dict[str, torch.Tensor]:
    return {k: p.grad.clone() for k, p in module.named_parameters() if p.grad is not None}


def batch(store: FeatureStore, n: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All windows of the store: as rows, as unique rows and indices into them."""
    table = WindowTable.build(store.lengths, n, clip_ids=store.clip_ids)
    rows = torch.from_numpy(table.rows)
    return rows, *torch.unique(rows, return_inverse=True)


def naive_logits(model, fine_tuned, transform, store, rows) -> torch.Tensor:
    """Feed each window by itself: its frames, and its clip's first frame, through everything."""
    logits = []
    for window in rows:
        onset = torch.from_numpy(store.onset_row)[window[0]]
        pooled = [fine_tuned(store.read(np.array([int(row)])))[0] for row in window]
        first = fine_tuned(store.read(np.array([int(onset)])))
        frames = transform(torch.stack(pooled), first.expand(len(window), -1))
        logits.append(model(frames, torch.arange(len(window))[None]))
    return torch.cat(logits)


@pytest.mark.parametrize("chunk_frames", [3, 64], ids=["checkpointed", "at once"])
@pytest.mark.parametrize("kind", ["onset_difference", "raw"])
def test_gathered_windows_have_the_gradient_of_separate_windows(kind, chunk_frames, monkeypatch):
    monkeypatch.setattr(feature_modes, "FRAMES_AT_ONCE", chunk_frames)
    store, fine_tuned = maps_store(), FineTunedBlocks(small_backbone(), 1).train()
    torch.manual_seed(0)
    model = WindowClassifier(12, 3, embed=7, hidden=5, dropout=0.0)
    everything = range(len(store))
    transform = FeatureTransform.fit(
        kind, pooled_sums(store, fine_tuned), everything, standardise=True
    )
    rows, unique, index = batch(store)
    target = torch.arange(len(rows)) % 3

    frames = Frames(transform, store, fine_tuned, CPU)
    gathered = model(frames(unique), index)
    nn.functional.cross_entropy(gathered, target).backward()
    found = gradients(model) | gradients(fine_tuned)
    model.zero_grad()
    fine_tuned.zero_grad()
    naive = naive_logits(model, fine_tuned, transform, store, rows)
    nn.functional.cross_entropy(naive, target).backward()
    expected = gradients(model) | gradients(fine_tuned)

    torch.testing.assert_close(gathered, naive, rtol=1e-5, atol=1e-6)
    assert found.keys() == expected.keys()
    assert sum(k.startswith("backbone.blocks") for k in found) == 6  # two kernels, two BatchNorms
    for name, gradient in expected.items():
        scale = gradient.abs().max()
        assert scale > 0, name
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=float(1e-5 * scale))


def test_fine_tuned_blocks_see_only_the_frames_that_windows_use():
    store, fine_tuned = maps_store(lengths=(9, 50)), FineTunedBlocks(small_backbone(), 1)
    seen = []
    fine_tuned.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    transform = FeatureTransform(True, torch.zeros(12), torch.ones(12))
    frames = Frames(transform, store, fine_tuned, CPU)
    frames(torch.tensor([12, 13, 14]))
    assert seen == [4]  # and the first frame of their clip, row 9
    difference = frames(torch.tensor([0, 9, 12]))
    assert difference[:2].abs().max() == 0
    assert difference[2].abs().max() > 0


def test_fine_tuning_trains_the_blocks_above_the_cut_and_copies():
    backbone = small_backbone()
    before = copy.deepcopy(backbone.state_dict())
    fine_tuned = FineTunedBlocks(backbone, 2).train()
    assert {name.split(".")[1] for name in fine_tuned.tuned_parameters()} == {"2"}
    optimiser = torch.optim.SGD(fine_tuned.tuned_parameters().values(), lr=0.1)
    fine_tuned(torch.rand(5, 8, 4, 4)).square().sum().backward()
    optimiser.step()
    changed = {k for k, v in fine_tuned.backbone.state_dict().items() if not v.equal(before[k])}
    assert changed == set(
        fine_tuned.tuned_parameters()
    )  # neither lower blocks nor BatchNorm statistics
    assert all(v.equal(before[k]) for k, v in backbone.state_dict().items())
    assert all(p.requires_grad for p in backbone.parameters())


def test_random_mobilenet_learns_above_its_cut():
    backbone = build("random_mobilenet", seed=3)
    fine_tuned = FineTunedBlocks(backbone, 12).train()
    pooled = fine_tuned(torch.rand(2, 1024, 2, 2).half())
    assert pooled.shape == (2, 1024)
    pooled.square().mean().backward()
    assert {n.split(".")[1] for n in gradients(fine_tuned.backbone)} == {"12"}


@pytest.mark.parametrize("readout", ["both_ends", "last_step", "mean"])
def test_readouts(readout):
    torch.manual_seed(0)
    model = WindowClassifier(5, 3, embed=4, hidden=6, readout=readout).eval()
    frames, index = torch.randn(9, 5), torch.from_numpy(windows(9, 4))
    embedded = model.embedding(frames)[index]
    forward, backward = nn.LSTM(4, 6, batch_first=True), nn.LSTM(4, 6, batch_first=True)
    weights = model.lstm.state_dict()
    forward.load_state_dict({k: v for k, v in weights.items() if not k.endswith("_reverse")})
    backward.load_state_dict(
        {k.removesuffix("_reverse"): v for k, v in weights.items() if k.endswith("_reverse")}
    )
    ahead, back = forward(embedded)[0], backward(embedded.flip(1))[0].flip(1)
    state = {
        "both_ends": torch.cat([ahead[:, -1], back[:, 0]], 1),
        "last_step": torch.cat([ahead[:, -1], back[:, -1]], 1),
        "mean": torch.cat([ahead, back], 2).mean(1),
    }[readout]
    torch.testing.assert_close(model(frames, index), model.classifier[1](state))


def test_byte_dropout_keeps_the_expectation_and_rests_in_evaluation():
    torch.manual_seed(0)
    dropout, x = ByteDropout(0.3), torch.ones(1000, 1001)
    y = dropout(x)
    assert (y == 0).float().mean() == pytest.approx(0.3, abs=2e-3)
    assert y.mean() == pytest.approx(1, abs=2e-3)
    assert y.unique().numel() == 2
    columns = (y == 0).float()
    assert columns.mean(0).std() == pytest.approx((0.3 * 0.7 / 1000) ** 0.5, rel=0.1)
    assert dropout.eval()(x) is x
    assert ByteDropout(0.0)(x) is x
    x = torch.ones(4, 4, requires_grad=True)
    y = ByteDropout(0.5)(x)
    y.sum().backward()
    assert x.grad.equal(y.detach())


def test_feature_modes_are_standardised_by_their_training_clips():
    rng = np.random.default_rng(0)
    store = FeatureStore.from_arrays(
        {"a": rng.normal(3, 2, (30, 8, 1, 1)), "b": rng.normal(5, 4, (40, 8, 1, 1))},
        subjects=["s1", "s2"],
        labels=["x", "y"],
    )
    pooled = pooled_sums(store, None)
    raw = FeatureTransform.fit("raw", pooled, [0], standardise=True)
    values = Frames(raw, store, None, CPU)(torch.arange(30))
    torch.testing.assert_close(values.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(0, correction=0), torch.ones(8), atol=2e-3, rtol=0)
    motion = FeatureTransform.fit("onset_difference", pooled, [0], standardise=True)
    values = Frames(motion, store, None, CPU)(torch.arange(70))
    assert values[[0, 30]].abs().max() == 0  # no motion stays zero
    torch.testing.assert_close(values[:30].std(0, correction=0), torch.ones(8), atol=2e-3, rtol=0)
    plain = FeatureTransform.fit("raw", pooled, [0, 1], standardise=False)
    frames = store.read(np.arange(70)).flatten(1).float()
    assert Frames(plain, store, None, CPU)(torch.arange(70)).equal(frames)


@pytest.mark.parametrize("clips", [[0], [1, 2], [0, 1, 2]])
def test_statistics_from_sums_are_those_of_all_frames(clips):
    store = maps_store(shape=(5, 1, 1), lengths=(9, 70, 33))
    pooled = pooled_sums(store, None)
    frames = store.read(store.rows(clips)).flatten(1)
    motion = frames - store.read(np.arange(112)).flatten(1)[store.onset_row][store.rows(clips)]
    for values, difference in ((frames, False), (motion, True)):
        mean, sd = pooled.statistics(clips, difference=difference)
        torch.testing.assert_close(mean, values.mean(0), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(sd, values.std(0, correction=0), rtol=1e-5, atol=1e-6)


def test_maps_without_a_backbone_are_refused():
    with pytest.raises(ConfigError, match=r"features\.cut"):
        pooled_sums(maps_store(), None)
