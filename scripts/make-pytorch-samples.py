#!/usr/bin/env python3
"""Makes the files in tests/data/pytorch: what torch.save writes, in many variants, and expected.json.

Written by PyTorch 2.13 on Linux; other versions may differ in what is in the files, never in the tensors.
Usage: python3 scripts/make-pytorch-samples.py tests/data/pytorch
"""

import argparse
import json
import pathlib
import sys
import zipfile

import torch
from torch import nn

TYPES = {torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
         torch.bool: "BOOL", torch.complex64: "C64"}
expected = {}


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, bias=False)
        self.bn = nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.bn(self.conv(x)).mean((2, 3)))


class Foreign:
    """An object of a class that only the training code knows, with a tensor inside."""

    def __init__(self):
        self.weight = torch.ones(3)
        self.name = "criterion"


def save(name, root, state, under=None, unused=(), **options):
    torch.save(root, folder / name, **options)
    expect(name, state, under, unused)


def expect(name, state, under=None, unused=()):
    tensors, others = {}, {}
    for key, tensor in state.items():
        key = key.removeprefix("module.")
        if tensor.is_floating_point():
            values = tensor.detach().to(torch.float32).contiguous().flatten().tolist()
            tensors[key] = {"shape": list(tensor.shape), "values": values}
        else:
            others[key] = TYPES[tensor.dtype]
    expected[name] = {"under": under, "unused": list(unused), "tensors": tensors, "others": others}


folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)

# A training script's checkpoint after two steps: optimizer, scheduler, scaler, arguments.
model = Tiny()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for _ in range(2):
    model(torch.randn(4, 2, 5, 5)).square().sum().backward()
    optimizer.step()
state = model.state_dict()
args = argparse.Namespace(model="tiny", lr=1e-3, drop=None, opt_betas=[0.9, 0.999], seed=2**70, resume="", kd=False)
training = {"optimizer": optimizer.state_dict(), "epoch": 7, "args": args, "scaler": {"scale": 65536.0}}
save("training.pth", {"model": state, **training}, state, "model")
save("training-legacy.pth", {"model": state, **training}, state, "model", _use_new_zipfile_serialization=False)
save("protocol-4.pth", {"model": state, **training}, state, "model", pickle_protocol=4)
save("protocol-5-legacy.pth", {"model": state, **training}, state, "model", pickle_protocol=5,
     _use_new_zipfile_serialization=False)

# timm's: data-parallel prefix, a moving average beside the weights.
parallel = nn.DataParallel(model).state_dict()
average = {key: tensor * 2 for key, tensor in parallel.items()}
timm = {"epoch": 1, "arch": "tiny", "state_dict": parallel, "version": 2, "args": args, "metric": 71.5}
save("timm.pth.tar", {**timm, "state_dict_ema": average}, parallel, "state_dict", ["state_dict_ema"])
save("average-only.pth", {"epoch": 1, "model": "tiny", "model_ema": {"decay": 0.99, "state_dict": average}}, average,
     "model_ema.state_dict")
# Twice the same dict is one.
save("same-twice.pth", {"model": state, "state_dict": state}, state, "model")

# Bare dicts: of tensors, and of parameters.
save("bare.pth", state, state)
save("bare-legacy.pth", state, state, _use_new_zipfile_serialization=False)
parameters = dict(model.named_parameters())
save("parameters.pth", parameters, parameters)

# All types.
numbers = torch.tensor([1.5, -0.25, 3.0e-5, 65504.0])
types = {"half": numbers.half(), "bfloat16": numbers.bfloat16(), "float": numbers, "double": numbers.double() / 3,
         "long": torch.arange(3), "int": torch.arange(3, dtype=torch.int32), "short": torch.arange(3, dtype=torch.int16),
         "char": torch.arange(3, dtype=torch.int8), "byte": torch.arange(3, dtype=torch.uint8),
         "bool": torch.tensor([True, False]), "complex": torch.tensor([1 + 2j])}
save("types.pth", {"state_dict": types}, types, "state_dict")
save("types-legacy.pth", {"state_dict": types}, types, "state_dict", _use_new_zipfile_serialization=False)

# Views: shared storages, transposed, stepped, expanded, offset, scalar, empty.
base = torch.arange(24, dtype=torch.float32)
grid = base.reshape(2, 3, 4)
views = {"base": base, "tied": base, "grid": grid, "transposed": grid.permute(2, 0, 1), "stepped": base[3::5],
         "block": grid[1, 1:, 1:3], "expanded": base[5:6].expand(2, 3), "offset": base[20:], "scalar": base[7],
         "empty": torch.empty(0, 4), "own": torch.randn(7)[2:5], "half": torch.randn(4, 4).half().t()}
save("views.pth", {"model": views}, views, "model")
save("views-legacy.pth", {"model": views}, views, "model", _use_new_zipfile_serialization=False)

# Things that are not built, beside the weights and among them.
sparse = torch.eye(3).to_sparse()
things = {"criterion": Foreign(), "device": torch.device("cpu"), "dtype": torch.float16, "size": torch.Size([1]),
          "sparse": sparse, "set": {1, 2}, "bytes": b"x" * 300, "path": pathlib.PurePosixPath("/tmp")}
among = {**state, "sparse": sparse, "eight": torch.ones(2).to(torch.float8_e4m3fn), "extra": {"version": 1}, "none": None}
save("unknown.pth", {"model": among, "args": things}, state, "model")
save("unknown-legacy.pth", {"model": {**state, "sparse": sparse}, "args": things}, state, "model",
     _use_new_zipfile_serialization=False)

# Without checksums.
torch.serialization.set_crc32_options(False)
save("no-checksums.pth", {"model": state}, state, "model")
torch.serialization.set_crc32_options(True)

# What is refused: a whole model, a program, compressed files, a pickle of another origin, no weights.
torch.save({"model": model, "epoch": 3}, folder / "refused-whole-model.pth")
torch.save(training, folder / "refused-no-weights.pth")
torch.jit.script(nn.Linear(1, 1)).save(folder / "refused-program.pt")
with zipfile.ZipFile(folder / "bare.pth") as source, \
        zipfile.ZipFile(folder / "refused-compressed.pth", "w", zipfile.ZIP_DEFLATED) as target:
    for name in source.namelist():
        target.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)

(folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
print(f"{sum(f.stat().st_size for f in folder.iterdir())} bytes in {len(list(folder.iterdir()))} files")
