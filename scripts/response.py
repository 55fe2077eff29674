#!/usr/bin/env python3
"""Measures how long a key takes until the screen shows what it did, while the demo's search has all cores.

Usage: scripts/response.py [keys]
Starts target/release/aq4svit, or the program named by $AQ4SVIT_BINARY, in a pseudo terminal of its own, goes back and
forth between two views once it evaluates, and prints median, 95th percentile and maximum. Needs a Unix.
"""

import os
import select
import sys
import time

from program import searching

KEYS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
COLUMNS, ROWS = 160, 48
PATIENCE = 60


def main():
    with searching(COLUMNS, ROWS) as terminal:

        def until(text, patience=PATIENCE):
            """Reads what the program writes until a text is among it."""
            seen, end = b"", time.monotonic() + patience
            while text.encode() not in seen:
                if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                    sys.exit(f"no {text!r} within {patience} s")
                seen += os.read(terminal, 1 << 16)

        until("#1 ")
        times = []
        for key in range(KEYS):
            # From 100 to 220 ms, by steps that share no divisor with the 33 ms of a frame.
            pause = time.monotonic() + (100 + key * 37 % 120) / 1e3
            while (left := pause - time.monotonic()) > 0:
                if select.select([terminal], [], [], left)[0]:
                    os.read(terminal, 1 << 16)
            press, text = ("2", "[2 Allocation]") if key % 2 == 0 else ("1", "[1 Search]")
            begin = time.monotonic()
            os.write(terminal, press.encode())
            until(text, 5)
            times.append((time.monotonic() - begin) * 1e3)
    times.sort()
    median, late = times[len(times) // 2], times[int(0.95 * (len(times) - 1))]
    print(f"{KEYS} keys: median {median:.1f} ms, 95 % within {late:.1f} ms, max {times[-1]:.1f} ms")


main()
