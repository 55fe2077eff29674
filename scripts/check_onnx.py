#!/usr/bin/env python3
"""Runs the ONNX files of `aq4svit export --format qonnx,onnx` in other people's tools.

    python3 scripts/check_onnx.py DIR... [--with qonnx] [--with onnxruntime] [--with qdq] [--images N]

DIR is a package that holds the files. Every golden input goes through
  qonnx        network.qonnx.onnx, executed node by node by the package qonnx;
  onnxruntime  the same file in ONNX Runtime, its quantizers replaced by the integers that they pass
               through, optimizations off (a fused multiply and add would round otherwise);
  qdq          network.qdq.onnx as it is in ONNX Runtime with its usual optimizations.
Accumulators of integers, spikes and logits must be equal; the sums of layers that read real numbers
agree to 1e-4, and logits that are such sums as well. With qdq, logits agree to 1e-4 and spikes that
differ are counted. An input whose margin is below 1e-4 starts from the stored accumulators of layers
that are not exact, as the package says. Exits with 1 where something differs.

Needs numpy, safetensors, onnx, onnxruntime, and qonnx for the first.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import load_file

SAFE_MARGIN = 1e-4
TOLERANCE = 1e-4


def without_quantizers(model):
    """QONNX as plain ONNX: the integers take the place of the quantizers that leave them alone."""
    graph = model.graph
    quantizers = [n for n in graph.node if n.op_type in ("IntQuant", "BipolarQuant")]
    source = {n.output[0]: n.input[0] for n in quantizers}
    for node in quantizers:
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [source.get(name, name) for name in node.input]
    kept = [o for o in model.opset_import if o.domain == ""]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def given(model, names):
    """A model that takes some tensors as inputs instead of computing them."""
    graph = model.graph
    for node in [n for n in graph.node if n.output[0] in names]:
        graph.node.remove(node)
    shapes = {v.name: v for v in graph.value_info}
    graph.input.extend(shapes[name] for name in names)
    for value in [shapes[name] for name in names]:
        graph.value_info.remove(value)
    return model


def scale_of(model, layer):
    """The powers of two that the accumulators of a layer are multiplied by in the QDQ file."""
    scales = [t for t in model.graph.initializer if t.name == f"scale.{layer}"]
    return numpy_helper.to_array(scales[0])[None, :, None, None] if scales else np.float32(1)


def and_accumulators(model, names):
    """A model whose outputs are accumulators as well."""
    shapes = {v.name: v for v in model.graph.value_info}
    model.graph.output.extend(shapes[name] for name in names if name in shapes)
    return model


def by_qonnx(path, feed, stored):
    """Every tensor of the network, computed by qonnx."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    model = ModelWrapper(given(onnx.load(path), stored))
    return execute_onnx(model, feed, return_full_exec_context=True)


def by_onnxruntime(model, feed, optimized):
    """The outputs of a model, computed by ONNX Runtime."""
    import onnxruntime

    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed)))


class Check:
    """A package and what its golden files say."""

    def __init__(self, folder, name=""):
        self.folder = folder
        self.name = name
        manifest = json.loads((folder / "manifest.json").read_text())
        self.images = manifest["golden"]["images"]
        self.layers = {layer["name"]: layer for layer in manifest["layers"]}
        self.frames = manifest["network"]["input"]["frames"]
        # Whether the logits themselves are a sum of integers.
        last = manifest["operations"][-1]["op"]
        name = last.get("layer") if isinstance(last, dict) else None
        self.exact_logits = name is not None and self.layers[name]["exact"]

    def run(self, tool, image):
        """The tensors that a tool computes of a golden image, the stored ones, and how it began."""
        golden = load_file(self.folder / image["file"])
        x = golden["input"] if self.frames else golden["input"][None]
        feed, stored = {"input": x}, []
        if image["margin"] is not None and image["margin"] < SAFE_MARGIN:
            stored = [f"accumulator.{n}" for n, layer in self.layers.items() if not layer["exact"]]
            feed.update((name, golden[name].astype(np.float32)) for name in stored)
        accumulators = [f"accumulator.{name}" for name in self.layers]
        if tool == "qonnx":
            return by_qonnx(self.folder / "network.qonnx.onnx", feed, stored), golden, stored
        if tool == "onnxruntime":
            model = without_quantizers(onnx.load(self.folder / "network.qonnx.onnx"))
            model = and_accumulators(given(model, stored), accumulators)
            return by_onnxruntime(model, feed, False), golden, stored
        model = onnx.load(self.folder / "network.qdq.onnx")
        for name in stored:
            feed[name] = feed[name] * scale_of(model, name.partition(".")[2])
        return by_onnxruntime(given(model, stored), feed, True), golden, stored

    def compare(self, tool, image):
        """Prints how far a tool agrees on an image; whether it does."""
        found, golden, stored = self.run(tool, image)
        different, sums, spikes, unequal = [], 0, 0, 0
        for name, expected in golden.items():
            kind, _, rest = name.partition(".")
            if name == "input" or name not in found or name in stored:
                continue
            actual = found[name].reshape(expected.shape).astype(np.float64)
            apart = np.abs(actual - expected.astype(np.float64))
            if kind == "spikes":
                spikes += expected.size
                count = int(np.count_nonzero(apart))
                unequal += count
                if count and tool != "qdq":
                    different.append(f"{name}: {count} of {expected.size}")
                continue
            sums += expected.size if kind == "accumulator" else 0
            exact = self.layers[rest]["exact"] if kind == "accumulator" else self.exact_logits
            exact = exact and tool != "qdq"
            allowed = 0 if exact else TOLERANCE * np.maximum(1, np.abs(expected))
            if np.any(apart > allowed):
                different.append(f"{name}: up to {apart.max():.3g}")
        begun = " from stored accumulators" if stored else ""
        flips = f", {unequal} of them differ" if unequal and tool == "qdq" else ""
        verdict = "DIFFERS" if different else "agrees"
        print(f"{self.name}{tool}: {image['file']}{begun}: {sums} accumulators, {spikes} spikes{flips}: {verdict}")
        for line in different[:10]:
            print(f"  {line}")
        return not different


def main():
    parser = argparse.ArgumentParser(description="Runs the ONNX files of packages elsewhere.")
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    tools = ("qonnx", "onnxruntime", "qdq")
    parser.add_argument("--with", dest="tools", choices=tools, action="append")
    parser.add_argument("--images", type=int, default=None, help="only the first N")
    args = parser.parse_args()
    results = []
    for folder in args.folders:
        check = Check(folder, f"{folder.name}: " if len(args.folders) > 1 else "")
        for tool in args.tools or tools:
            results += [check.compare(tool, image) for image in check.images[: args.images]]
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
