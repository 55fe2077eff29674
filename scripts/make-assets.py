#!/usr/bin/env python3
"""Makes the built-in Fashion-MNIST extract in assets/ from the four official IDX files.

    scripts/make-assets.py [FOLDER WITH THE FOUR .gz FILES]

The default folder is where the Debian package dataset-fashion-mnist puts them. The output holds no
time stamp and no file name. Its decompressed bytes never change; its compressed bytes are those of
assets/README.md with zlib 1.2 and 1.3, another deflate implementation may pack them differently.
"""

import gzip
import hashlib
import struct
import sys
from pathlib import Path

KEPT = 5_000  # the last training images: those that the demo's network was not trained on
ASSETS = Path(__file__).resolve().parent.parent / "assets"
DEBIAN = "/usr/share/datasets/fashion-mnist"

# SHA-256 of the decompressed official files.
OFFICIAL = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read(folder: Path, name: str) -> bytes:
    data = gzip.decompress((folder / f"{name}.gz").read_bytes())
    if sha256(data) != OFFICIAL[name]:
        sys.exit(f"{folder / name}.gz is not the official file: SHA-256 {sha256(data)}")
    return data


def last(idx: bytes, kept: int) -> bytes:
    """An IDX file of the last `kept` items of an IDX file of bytes."""
    header = 4 + 4 * idx[3]
    sizes = struct.unpack(f">{idx[3]}I", idx[4:header])
    item = (len(idx) - header) // sizes[0]
    return idx[:4] + struct.pack(f">{idx[3]}I", kept, *sizes[1:]) + idx[-kept * item :]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else DEBIAN)
    outputs = {
        "fashion-mnist-train-last5000-images.idx.gz": last(read(folder, "train-images-idx3-ubyte"), KEPT),
        "fashion-mnist-train-last5000-labels.idx.gz": last(read(folder, "train-labels-idx1-ubyte"), KEPT),
        "fashion-mnist-test-images.idx.gz": read(folder, "t10k-images-idx3-ubyte"),
        "fashion-mnist-test-labels.idx.gz": read(folder, "t10k-labels-idx1-ubyte"),
    }
    for name, data in outputs.items():
        packed = gzip.compress(data, compresslevel=9, mtime=0)
        (ASSETS / name).write_bytes(packed)
        print(f"{name}: {len(packed):,} bytes\n  packed   {sha256(packed)}\n  unpacked {sha256(data)}")


if __name__ == "__main__":
    main()
