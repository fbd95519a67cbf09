"""The conversion script, on a TensorFlow.js model of random weights made here."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import references
import torch

from microexpr.backbones.weights import build

CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = ROOT / "tools" / "convert_faceres.py"
    spec = importlib.util.spec_from_file_location("convert_faceres", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def random_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)

    def he(*shape: int) -> np.ndarray:
        return rng.normal(0, (2 / np.prod(shape[:3])) ** 0.5, shape)

    arrays = {
        "conv1/convolution/merged_input": he(3, 3, 3, 32) / 64,
        "conv1_bn/batchnorm_1/sub": rng.normal(0, 0.1, 32),
        "age_pred/bias": rng.normal(size=100),
    }
    for i in range(1, 14):
        c_in, c_out = CHANNELS[i - 1], CHANNELS[i]
        arrays[f"conv_dw_{i}/depthwise_kernel"] = rng.normal(0, 0.5, (3, 3, c_in, 1))
        arrays[f"conv_dw_{i}_bn/batchnorm_1/mul"] = rng.uniform(0.5, 1.5, (1, 1, 1, c_in))
        arrays[f"conv_dw_{i}_bn/batchnorm_1/sub"] = rng.normal(0, 0.1, c_in)
        arrays[f"conv_dw_{i}_relu/Cast"] = np.array(6.0)
        arrays[f"conv_pw_{i}/convolution/merged_input"] = he(1, 1, c_in, c_out)
        arrays[f"conv_pw_{i}_bn/batchnorm_1/sub"] = rng.normal(0, 0.1, c_out)
    return {name: value.astype("f2") for name, value in arrays.items()}


def write_model(folder: Path, arrays: dict[str, np.ndarray], strides: tuple[int, ...]) -> None:
    def node(name: str, op: str, stride: int) -> dict[str, Any]:
        same = base64.b64encode(b"SAME").decode()
        steps = {"list": {"i": ["1", str(stride), str(stride), "1"]}}
        return {"name": name, "op": op, "attr": {"strides": steps, "padding": {"s": same}}}

    nodes = [node("conv1_bn/batchnorm_1/mul_1", "Conv2D", 2)]
    for i, stride in enumerate(strides, 1):
        nodes.append(node(f"conv_dw_{i}/depthwise", "DepthwiseConv2dNative", stride))
        nodes.append(node(f"conv_pw_{i}_bn/batchnorm_1/mul_1", "Conv2D", 1))
    entries = [
        {
            "name": name,
            "shape": list(value.shape),
            "dtype": "float32",
            "quantization": {"dtype": "float16"},
        }
        for name, value in arrays.items()
    ]
    model = {
        "modelTopology": {"node": nodes},
        "weightsManifest": [{"paths": ["faceres.bin"], "weights": entries}],
    }
    (folder / "faceres.json").write_text(json.dumps(model))
    (folder / "faceres.bin").write_bytes(b"".join(v.tobytes() for v in arrays.values()))


def run(tool: ModuleType, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    out = folder / "out.safetensors"
    monkeypatch.setattr(sys, "argv", ["convert", str(folder), "--out", str(out)])
    tool.main()
    return out


@torch.no_grad()
def test_the_converted_network_computes_the_unfolded_one(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arrays = random_arrays()
    write_model(tmp_path, arrays, STRIDES)
    out = run(tool, monkeypatch, tmp_path)
    note = json.loads(out.with_suffix(".json").read_text())
    net = build("mobilenet_vggface2", weights_path=str(out), weights_sha256=note["sha256"])

    def t(name: str) -> torch.Tensor:
        return torch.from_numpy(arrays[name].astype("f4"))

    pictures = references.random_pictures(2, 96)
    mean = torch.tensor([103.939, 116.779, 123.68])
    x = (pictures.flip(-1) - mean).permute(0, 3, 1, 2)

    def conv(x: torch.Tensor, kernel: torch.Tensor, stride: int, groups: int = 1) -> torch.Tensor:
        x = references.pad_same(x, kernel.shape[-1], stride)
        return torch.nn.functional.conv2d(x, kernel, None, stride, groups=groups)

    def shifted(x: torch.Tensor, name: str) -> torch.Tensor:
        return (x + t(name).view(-1, 1, 1)).clamp(0, 6)

    kernel = t("conv1/convolution/merged_input").permute(3, 2, 0, 1)
    x = shifted(conv(x, kernel, 2), "conv1_bn/batchnorm_1/sub")
    for i, stride in enumerate(STRIDES, 1):
        kernel = t(f"conv_dw_{i}/depthwise_kernel").permute(2, 3, 0, 1)
        x = conv(x, kernel, stride, groups=len(kernel))
        x = x * t(f"conv_dw_{i}_bn/batchnorm_1/mul").view(-1, 1, 1)
        x = shifted(x, f"conv_dw_{i}_bn/batchnorm_1/sub")
        kernel = t(f"conv_pw_{i}/convolution/merged_input").permute(3, 2, 0, 1)
        x = shifted(conv(x, kernel, 1), f"conv_pw_{i}_bn/batchnorm_1/sub")
    expected = x.mean((2, 3))
    error = (net(net.preprocess(pictures)) - expected).norm() / expected.norm()
    assert error < 5e-3  # the product of two float16 numbers is rounded once more


def test_another_graph_is_refused(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arrays = random_arrays()
    write_model(tmp_path, arrays, (*STRIDES[:11], 1, 1))
    with pytest.raises(SystemExit, match=r"conv_dw_12/depthwise: strides \[1, 1, 1, 1\]"):
        run(tool, monkeypatch, tmp_path)
    write_model(tmp_path, arrays, STRIDES[:12])
    with pytest.raises(SystemExit, match="other convolutions: .*conv_dw_13"):
        run(tool, monkeypatch, tmp_path)
    write_model(tmp_path, arrays | {"conv_dw_3_relu/Cast": np.array(8.0, "f2")}, STRIDES)
    with pytest.raises(SystemExit, match="no ReLU6"):
        run(tool, monkeypatch, tmp_path)
    write_model(tmp_path, arrays, STRIDES)
    (tmp_path / "faceres.bin").write_bytes((tmp_path / "faceres.bin").read_bytes() + b"\0")
    with pytest.raises(SystemExit, match="bytes, the manifest names"):
        run(tool, monkeypatch, tmp_path)
    assert not (tmp_path / "out.safetensors").exists()
