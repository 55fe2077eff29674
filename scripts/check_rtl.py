#!/usr/bin/env python3
"""Checks the memories and C headers of `aq4svit export --format mem,header` in other people's tools.

    python3 scripts/check_rtl.py DIR [--with iverilog] [--with cc] [--layer NAME] [--image N]

DIR is the package that holds them.
  iverilog  simulates scripts/layer_tb.v, which reads `layers/L.mem` and the golden spikes before the
            layer and sums them: all accumulators must be the golden ones;
  cc        compiles all headers with -std=c99 -Wall -Werror, and scripts/layer_check.c, which sums one
            output channel and, where leaky integrate-and-fire neurons follow directly, computes what
            they emit by the header's affine: in integers where the package is.
Without --layer: the first layer that sums integers and reads spikes of neurons directly. Needs
nothing but Python, and Icarus Verilog or a C compiler ($CC). Exits with 1 where something differs.
"""

import argparse
import csv
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def tensors(path):
    """The U8 and I32 tensors of a safetensors file: name -> list of numbers."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, entry in header.items():
        code = {"U8": "B", "I32": "i"}.get(entry.get("dtype"))
        if code is not None:
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            found[name] = struct.unpack(f"<{(end - begin) // struct.calcsize(code)}{code}", data[begin:end])
    return found


class Layer:
    """A layer that can be checked: its shapes, the spikes that it reads, its accumulators."""

    def __init__(self, folder, wanted, image):
        manifest = json.loads((folder / "manifest.json").read_text())
        with open(folder / "layers" / "layers.tsv", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        operations = manifest["operations"]
        layers = dict(zip((layer["name"] for layer in manifest["layers"]), zip(manifest["layers"], rows)))
        golden = tensors(folder / manifest["golden"]["images"][image]["file"])
        for operation in operations:
            name = self.argument(operation, "layer")
            if name is None or wanted not in (None, name):
                continue
            layer, self.row = layers[name]
            before = operations[operation["inputs"][0]]
            site = self.argument(before, "neuron")
            if layer["exact"] and site is not None:
                break
        else:
            sys.exit(f"{wanted or folder}: no such layer that sums integers and reads neurons directly")
        self.name, self.bits, self.fixed = name, layer["bits"], manifest["format"] == 2
        self.emitted = self.behind(manifest, operations.index(operation), golden)
        self.spikes = golden[f"spikes.{site}"]
        self.accumulators = golden[f"accumulator.{name}"]
        self.out, self.inputs, rows, columns = layer["shape"]
        self.sizes = {
            "OUT": self.out, "IN": self.inputs, "ROWS": rows, "COLUMNS": columns,
            "STRIDE": layer["stride"], "PADDING": layer["padding"], "GROUPS": layer["groups"],
            "HEIGHT": before["shape"][1], "WIDTH": before["shape"][2],
            "OUT_HEIGHT": operation["shape"][1], "OUT_WIDTH": operation["shape"][2],
            "STEPS": manifest["network"]["time_steps"],
        }  # fmt: skip

    def behind(self, manifest, index, golden):
        """What the leaky integrate-and-fire neurons emit that the layer feeds directly; None without."""
        kinds = {site["name"]: site["neuron"] for site in manifest["sites"]}
        for operation in manifest["operations"]:
            site = self.argument(operation, "neuron")
            if site is not None and operation["inputs"] == [index] and "lif" in kinds[site]:
                return golden[f"spikes.{site}"]
        return None

    @staticmethod
    def argument(operation, kind):
        return operation["op"].get(kind) if isinstance(operation["op"], dict) else None


def words(path, numbers, digits):
    """A file for $readmemh."""
    mask = (1 << 4 * digits) - 1
    path.write_text("".join(f"{n & mask:0{digits}x}\n" for n in numbers))


def run(command):
    """The output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def iverilog(folder, layer, scratch):
    sizes = layer.sizes | {"WORD": layer.row["word_bits"], "LANES": layer.row["lanes"]}
    program = scratch / "layer_tb.vvp"
    parameters = [f"-Player_tb.{name}={value}" for name, value in sizes.items()]
    run(["iverilog", "-g2005", "-o", program, *parameters, HERE / "layer_tb.v"])
    words(scratch / "spikes.mem", layer.spikes, 2)
    words(scratch / "accumulators.mem", layer.accumulators, 8)
    return run([
        "vvp", "-n", program, f"+weights={folder / 'layers' / (layer.row['file'] + '.mem')}",
        f"+spikes={scratch / 'spikes.mem'}", f"+accumulators={scratch / 'accumulators.mem'}",
    ])  # fmt: skip


def neurons(identifier, fixed):
    """How the neurons behind a layer go on from a sum, by the names of its header."""
    if fixed:
        name = identifier.upper()
        result = f"{identifier}_result(CHANNEL, sum)"
        number, update = "int64_t", f"(v) + ((({result} - (v)) * {name}_LEAK) >> {name}_LEAK_SHIFT)"
        threshold = f"{name}_THRESHOLD"
    else:
        result = f"{identifier}_factor[CHANNEL] * (float)(sum) + {identifier}_summand[CHANNEL]"
        number, update = "float", f"(v) + ({result} - (v)) / {identifier}_tau"
        threshold = f"{identifier}_threshold"
    return f"""#define POTENTIAL {number}
#define UPDATE(v, sum) ({update})
#define FIRES(v) ((v) >= {threshold})
"""


def cc(folder, layer, scratch):
    channel = layer.out // 2
    positions = layer.sizes["OUT_HEIGHT"] * layer.sizes["OUT_WIDTH"]
    steps = range(layer.sizes["STEPS"])
    begins = [(t * layer.out + channel) * positions for t in steps]

    def of_channel(numbers):
        return [n for begin in begins for n in numbers[begin : begin + positions]]

    identifier = layer.row["identifier"]
    header = (folder / "layers" / f"{layer.row['file']}.h").read_text()
    packed = f"{identifier}_weight(" in header
    weight = f"{identifier}_weight(n)" if packed else f"{identifier}_weights[n]"
    sizes = "".join(f"#define {name} {value}\n" for name, value in layer.sizes.items())
    listed = {"uint8_t spikes": layer.spikes, "int32_t golden": of_channel(layer.accumulators)}
    if layer.emitted is not None:
        listed["uint8_t emitted"] = of_channel(layer.emitted)
        sizes += neurons(identifier, layer.fixed)
    arrays = "".join(
        f"static const {name}[{len(n)}] = {{{', '.join(map(str, n))}}};\n" for name, n in listed.items()
    )
    text = f"{sizes}#define CHANNEL {channel}\n#define WEIGHT(n) {weight}\n{arrays}"
    (scratch / "golden.h").write_text(text)
    program = scratch / "layer_check"
    compiler = os.environ.get("CC", "cc")
    flags = ["-std=c99", "-Wall", "-Werror", f"-I{folder / 'layers'}", f"-I{scratch}"]
    run([compiler, *flags, "-o", program, HERE / "layer_check.c"])
    return run([program])


def main():
    parser = argparse.ArgumentParser(description="Checks memories and headers of a package elsewhere.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--with", dest="tools", choices=("iverilog", "cc"), action="append")
    parser.add_argument("--layer")
    parser.add_argument("--image", type=int, default=0)
    args = parser.parse_args()
    layer = Layer(args.folder, args.layer, args.image)
    agrees = True
    for tool in args.tools or ("iverilog", "cc"):
        with tempfile.TemporaryDirectory() as scratch:
            check = iverilog if tool == "iverilog" else cc
            result = check(args.folder, layer, Path(scratch))
        print(f"{tool}: {layer.name}, {layer.bits} bits: {result}")
        agrees &= result.endswith(" 0 differ")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())
