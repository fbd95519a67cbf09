"""A pickle of arrays is read; a pickle that asks for anything else runs nothing."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microexpr.backbones.readers import read
from microexpr.errors import WeightsError


class Calls:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_runs(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "executed"
    attacks = {
        "os": Calls(os.mkdir, str(target)),
        "shell": Calls(os.system, f"touch {target}"),
        "process": Calls(subprocess.Popen, ["touch", str(target)]),
        "eval": Calls(eval, f"open({str(target)!r}, 'w')"),
        "numpy": Calls(np.save, str(target), 1),
        "load": Calls(np.load, str(target)),
        "getattr": Calls(getattr, "text", "upper"),
    }
    weights = {"conv1.weight": np.ones((2, 2), "f4")}
    for name, attack in attacks.items():
        path = tmp_path / f"{name}.pkl"
        for content in (attack, {**weights, "fc.weight": attack}, {**weights, attack: 1}):
            path.write_bytes(pickle.dumps(content, protocol))
            with pytest.raises(WeightsError, match=r"not a .pkl file .*it asks for "):
                read(path)
    assert [p.suffix for p in tmp_path.iterdir()] == [".pkl"] * len(attacks)


def test_the_attacks_work_on_an_ordinary_reader(tmp_path: Path) -> None:
    target = tmp_path / "executed"
    pickle.loads(pickle.dumps(Calls(os.mkdir, str(target)), 2))
    assert target.exists()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_arrays_come_back_as_they_were(tmp_path: Path, protocol: int, kind: type) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "f2": rng.normal(size=(3, 4)).astype("f2"),
        "f4": np.asfortranarray(rng.normal(size=(2, 3, 4)).astype("f4")),
        "f8": rng.normal(size=5),
        "big_endian": rng.normal(size=(2, 2)).astype(">f4"),
        "scalar": np.array(2.5, "f4"),
    }
    path = tmp_path / "arrays.pkl"
    path.write_bytes(pickle.dumps(kind(arrays), protocol))
    found, _ = read(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].numpy().dtype == array.dtype.newbyteorder("=")
        assert np.array_equal(found[name], array)


@pytest.mark.parametrize(
    "content",
    [
        [np.ones(3, "f4")],
        {"a": [np.ones(3, "f4")]},
        {"a": 1.0},
        {7: np.ones(3, "f4")},
        {"a": np.array([1, None], object)},
        {"a": np.array(["text"])},
        {"a": np.arange(3)},
        {"a": np.ones(3, [("x", "f4")])},
        {"a": np.ndarray},
    ],
    ids=str,
)
def test_other_content_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(content, 2))
    with pytest.raises(WeightsError) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damage_is_an_error_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    """Cut anywhere: an error. Change any byte: an error or arrays, never anything else."""
    whole = pickle.dumps({"a": np.ones((2, 3), "f4"), "b": np.zeros(4)}, 2)
    path = tmp_path / "damaged.pkl"
    position = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:position])
    with pytest.raises(WeightsError):
        read(path)
    changed = bytearray(whole)
    changed[position] = data.draw(st.integers(0, 255))
    path.write_bytes(changed)
    try:
        found, _ = read(path)
    except WeightsError:
        return
    assert all(isinstance(array, torch.Tensor) for array in found.values())
