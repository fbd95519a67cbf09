"""Convert the face network of the npm package @vladmandic/human to the weights shipped here.

Usage::

    npm pack @vladmandic/human@3.3.6 && tar xzf vladmandic-human-3.3.6.tgz
    python tools/convert_faceres.py package/models

It reads ``faceres.json`` and ``faceres.bin`` (a TensorFlow.js graph model, float16: MobileNet-v1
1.0/224, base trained on VGGFace2 by A. Savchenko, HSE_FaceRec_tf), keeps the base, drops the age
and gender heads, folds BatchNorm's scale into the depthwise kernels (the pointwise ones come
folded), and writes ``mobilenet_v1_vggface2_base_fp16.safetensors`` and a ``.json`` beside it with
origin, checksums and licences. The channel order stays BGR, as trained.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from microexpr.backbones.architectures import (
    MOBILENET_CHANNELS,
    MOBILENET_STRIDES,
    mobilenet_v1,
)
from microexpr.backbones.networks import SHIPPED
from microexpr.backbones.weights import header
from microexpr.runtime.files import replacing, sha256_of

Arrays = dict[str, np.ndarray]
Node = Mapping[str, Any]
PACKAGE = "@vladmandic/human 3.3.6 (npm)"
DTYPES = {"float16": np.float16, "float32": np.float32, "int32": np.int32}


def read_model(folder: Path) -> tuple[Arrays, dict[str, Node]]:
    """Read arrays and graph nodes, by name, of a TensorFlow.js graph model."""
    model = json.loads((folder / "faceres.json").read_text(encoding="utf-8"))
    arrays: Arrays = {}
    for group in model["weightsManifest"]:
        data = b"".join((folder / name).read_bytes() for name in group["paths"])
        start = 0
        for entry in group["weights"]:
            dtype = np.dtype(DTYPES[entry.get("quantization", entry)["dtype"]])
            count = int(np.prod(entry["shape"], dtype=int))
            values = np.frombuffer(data, dtype, count, start).reshape(entry["shape"])
            arrays[entry["name"]] = values.astype(np.float32)
            start += count * dtype.itemsize
        if start != len(data):
            raise SystemExit(f"faceres.bin has {len(data)} bytes, the manifest names {start}")
    return arrays, {node["name"]: node for node in model["modelTopology"]["node"]}


def check_graph(arrays: Arrays, nodes: Mapping[str, Node]) -> None:
    """Stop unless the graph computes what `mobilenet_v1` computes."""
    strides = {"conv1_bn/batchnorm_1/mul_1": 2}
    for i, stride in enumerate(MOBILENET_STRIDES, 1):
        strides[f"conv_dw_{i}/depthwise"] = stride
        strides[f"conv_pw_{i}_bn/batchnorm_1/mul_1"] = 1
    convolutions = {n for n, node in nodes.items() if "Conv" in node["op"]}
    if convolutions != set(strides):
        raise SystemExit(f"other convolutions: {sorted(convolutions ^ set(strides))}")
    for name, stride in strides.items():
        attributes = nodes[name]["attr"]
        found = [int(value) for value in attributes["strides"]["list"]["i"]]
        padding = attributes["padding"]["s"]
        if found != [1, stride, stride, 1] or padding not in ("SAME", "U0FNRQ=="):  # base64
            raise SystemExit(f"{name}: strides {found}, padding {padding}")
    for name, values in arrays.items():
        limit = {"Cast": 6, "Const_1": 0}.get(name.rpartition("_relu/")[2])
        if limit is not None and values != limit:
            raise SystemExit(f"{name}: the activation is no ReLU6 ({values})")


def convert(arrays: Arrays) -> Arrays:
    """Rename to own names, (out, in, height, width) kernels, float16."""
    own = {
        "stem.weight": arrays["conv1/convolution/merged_input"].transpose(3, 2, 0, 1),
        "stem.bias": arrays["conv1_bn/batchnorm_1/sub"],
    }
    for i in range(1, len(MOBILENET_CHANNELS) + 1):
        depthwise = arrays[f"conv_dw_{i}/depthwise_kernel"]  # (h, w, channels, 1)
        scale = arrays[f"conv_dw_{i}_bn/batchnorm_1/mul"].reshape(1, 1, -1, 1)
        pointwise = arrays[f"conv_pw_{i}/convolution/merged_input"]
        block = f"blocks.{i - 1}"
        own[f"{block}.dw.weight"] = (depthwise * scale).transpose(2, 3, 0, 1)
        own[f"{block}.dw.bias"] = arrays[f"conv_dw_{i}_bn/batchnorm_1/sub"]
        own[f"{block}.pw.weight"] = pointwise.transpose(3, 2, 0, 1)
        own[f"{block}.pw.bias"] = arrays[f"conv_pw_{i}_bn/batchnorm_1/sub"]
    shapes = {name: tuple(value.shape) for name, value in mobilenet_v1().state_dict().items()}
    if {name: value.shape for name, value in own.items()} != shapes:
        raise SystemExit("the converted tensors do not fit microexpr's MobileNet-v1")
    return {name: np.ascontiguousarray(value.astype(np.float16)) for name, value in own.items()}


def describe(folder: Path, weights: Path) -> dict[str, Any]:
    """Origin, checksums and licences: the content of the file beside the weights."""
    sources = [folder / "faceres.json", folder / "faceres.bin"]
    return {
        "file": weights.name,
        "sha256": sha256_of(weights),
        "network": "MobileNet-v1 1.0/224, base without heads, BatchNorm folded, float16, BGR",
        "trained_on": "VGGFace2, face identification",
        "source": f"{PACKAGE}, models/faceres.json and faceres.bin",
        "source_sha256": {path.name: sha256_of(path) for path in sources},
        "converted_by": "tools/convert_faceres.py",
        "licences": [
            "Apache-2.0: A. Savchenko, HSE_FaceRec_tf (trained base)",
            "MIT: Copyright (c) Vladimir Mandic, @vladmandic/human (conversion to TensorFlow.js)",
        ],
    }


def main() -> None:
    """Convert, write, describe."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", type=Path, help="the package's folder models/")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="default: %(default)s")
    arguments = parser.parse_args()
    arrays, nodes = read_model(arguments.models)
    check_graph(arrays, nodes)
    weights = convert(arrays)
    with replacing(arguments.out) as temporary:
        save_file(weights, temporary, metadata=header("mobilenet_vggface2", "bgr"))
    note = describe(arguments.models, arguments.out)
    sidecar = arguments.out.with_suffix(".json")
    with replacing(sidecar) as temporary:
        temporary.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    for path in (arguments.out, sidecar):
        path.chmod(0o644)  # public weights, not personal data
    print(f"{arguments.out}: {len(weights)} tensors, sha256 {note['sha256']}")


if __name__ == "__main__":
    main()
