"""Networks in plain PyTorch, as their authors write them, for the tests of aq4svit_export.py.

    python networks.py export NAME WEIGHTS OUT   a network with the weights of a .safetensors file
    python networks.py own KIND OUT              a small network of own design (plain, clock-driven,
                                                 activation-based, snntorch)
    python networks.py designs FOLDER            networks of many styles: NAME.aq4.safetensors, and the
                                                 module's own logits in NAME.safetensors; prints NAMEs
    python networks.py refused                   what is refused, one line each: NAME: why
"""

import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../scripts"))

import torch

from aq4svit_export import export
from designs import DESIGNS
from families import SpikeDriven, Spikformer, SpikingResformer, SpikingResformerEvents, SpikingResformerImageNet
from membrane import MaxFormer, MaxFormerEvents, MaxFormerImageNet, MsQkFormer, MsQkFormerImageNet
from own import own
from parts import lively
from refused import refused

# A class and the shape of an input, after its batch; frames of events begin with time.
NETWORKS = {
    "spikformer-cifar": (Spikformer, (3, 32, 32)),
    "sdt-v1": (SpikeDriven, (3, 32, 32)),
    "spikingresformer-cifar": (SpikingResformer, (3, 16, 16)),
    "spikingresformer-imagenet": (SpikingResformerImageNet, (3, 64, 64)),
    "spikingresformer-dvs": (SpikingResformerEvents, (5, 3, 16, 16)),
    "max-former-cifar": (MaxFormer, (3, 32, 32)),
    "max-former-imagenet": (MaxFormerImageNet, (3, 64, 64)),
    "max-former-dvs": (MaxFormerEvents, (4, 2, 64, 64)),
    "ms-qkformer-cifar": (MsQkFormer, (3, 32, 32)),
    "ms-qkformer-imagenet": (MsQkFormerImageNet, (3, 64, 64)),
}


def weights(path):
    """The float tensors of a .safetensors file."""
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + length]), memoryview(data)[8 + length:]
    read = {}
    for name, info in header.items():
        if name != "__metadata__" and info["dtype"] == "F32":
            begin, end = info["data_offsets"]
            flat = torch.frombuffer(bytearray(body[begin:end]) or bytearray(4), dtype=torch.float32)
            read[name] = flat.reshape(info["shape"]).clone()
    return read


def write(path, tensors):
    """A .safetensors file."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        more = bytes(tensor.contiguous().view(-1).view(torch.uint8).tolist())
        kind = {torch.float32: "F32", torch.float64: "F64"}[tensor.dtype]
        place = [len(data), len(data) + len(more)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": place}
        data += more
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def own_logits(model, images, dtype):
    """What the module itself gives."""
    for module in model.modules():
        for reset in ("reset", "reset_mem"):
            if hasattr(type(module), reset):
                getattr(module, reset)()
    usual = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.no_grad():
            return model.to(dtype)(images.to(dtype))
    finally:
        torch.set_default_dtype(usual)


def designs(folder, names):
    for name in names or DESIGNS:
        torch.manual_seed(1)
        try:
            model = lively(DESIGNS[name]()).eval()
        except ModuleNotFoundError as error:
            print(f"{name}: {error}")
            continue
        frames = name == "frames"
        images = torch.rand(3, *([4] if frames else []), 3, 16, 16)
        export(model, images, f"{folder}/{name}.aq4.safetensors", time_axis=1 if frames else None)
        try:
            # Variances with another eps are rounded.
            logits, near = own_logits(model, images, torch.float64), 1e-6 if name == "norms" else 1e-9
        except RuntimeError:  # spikes that are float32 whatever they are made of
            logits, near = own_logits(model, images, torch.float32), 1e-5
        write(f"{folder}/{name}.safetensors", {"input": images, "logits": logits.double()})
        print(f"{name}: exported {near}")


def main():
    if sys.argv[1] == "refused":
        return refused()
    if sys.argv[1] == "designs":
        return designs(sys.argv[2], sys.argv[3:])
    torch.manual_seed(0)
    if sys.argv[1] == "own":
        return export(lively(own(sys.argv[2])), torch.rand(2, 1, 28, 28), sys.argv[3])
    make, shape = NETWORKS[sys.argv[2]]
    model = make()
    missing, unexpected = model.load_state_dict(weights(sys.argv[3]), strict=False)
    missing = [k for k in missing if not k.endswith("num_batches_tracked")]
    assert not missing and not unexpected, (missing, unexpected)
    time_axis = 1 if len(shape) == 4 else None
    export(model, torch.randn(2, *shape), sys.argv[4], time_axis=time_axis, stages=getattr(model, "stages", None))


if __name__ == "__main__":
    main()
