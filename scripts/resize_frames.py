#!/usr/bin/env python3
"""Resizes event frames: folders of .npz files with an array `frames` [T, C, H, W], as spikingjelly makes them.

Each frame is resized as one image of floating-point numbers, bilinear with antialiasing, as torchvision's Resize does
with tensors. Folders and names stay as they are. Needs numpy and Pillow.

Usage: python3 scripts/resize_frames.py SOURCE TARGET SIZE
"""

import pathlib
import sys

import numpy
from PIL import Image


def resized(frames, size):
    planes = frames.astype(numpy.float32).reshape(-1, *frames.shape[-2:])
    small = [numpy.asarray(Image.fromarray(plane).resize((size, size), Image.BILINEAR)) for plane in planes]
    return numpy.stack(small).reshape(*frames.shape[:2], size, size)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    source, target, size = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    files = sorted(source.rglob("*.npz"))
    if not files:
        sys.exit(f"{source} holds no .npz file")
    for file in files:
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        with numpy.load(file) as arrays:
            numpy.savez_compressed(place, frames=resized(arrays["frames"], size))
    print(f"{len(files)} files in {target}")


main()
