#!/usr/bin/env python3
"""Makes the files in tests/data/event-frames: what numpy writes of the same frames [3, 2, 2, 2] in many variants.

The number at (t, c, h, w) is 8 t + 4 c + 2 h + w. Written by numpy 2.4.
Usage: python3 scripts/make-event-samples.py tests/data/event-frames
"""

import pathlib
import sys
import zipfile

import numpy

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
frames = numpy.arange(24).reshape(3, 2, 2, 2)

for dtype in ["<f2", "<f4", "<f8", ">f4", ">f8", "|i1", "|u1", "<i2", ">i2", "<u2", "<i4", "<u4", "<i8", ">i8", "<u8"]:
    name = dtype.replace("<", "little-").replace(">", "big-").replace("|", "")
    numpy.savez(folder / f"stored-{name}.npz", frames=frames.astype(dtype))
numpy.savez_compressed(folder / "compressed.npz", frames=frames.astype(numpy.float64))
numpy.savez_compressed(folder / "with-label.npz", label=numpy.array(7), frames=frames.astype(numpy.float32))
numpy.savez_compressed(folder / "fortran.npz", frames=numpy.asfortranarray(frames.astype(numpy.float32)))
for version in [(2, 0), (3, 0)]:
    with zipfile.ZipFile(folder / f"version-{version[0]}.npz", "w") as archive:
        with archive.open("frames.npy", "w") as file:
            numpy.lib.format.write_array(file, frames.astype(numpy.float32), version=version)

# What is refused: single events, objects, complex numbers, structures.
events = {key: numpy.arange(5) for key in "txyp"}
numpy.savez(folder / "refused-events.npz", **events)
numpy.savez(folder / "refused-objects.npz", frames=numpy.array([None, 1], dtype=object))
numpy.savez(folder / "refused-complex.npz", frames=frames.astype(numpy.complex64))
numpy.savez(folder / "refused-fields.npz", frames=numpy.zeros((3, 2, 2, 2), dtype=[("on", "<f4")]))
