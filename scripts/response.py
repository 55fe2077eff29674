#!/usr/bin/env python3
"""Measures how long a key takes until the screen shows what it did, while the demo's search has all cores.

Usage: scripts/response.py [keys]
Starts target/release/aq4svit, or the program named by $AQ4SVIT_BINARY, in a pseudo terminal of its own, goes back and
forth between two views once it evaluates, and prints median, 95th percentile and maximum. Needs a Unix.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEYS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
COLUMNS, ROWS = 160, 48
PATIENCE = 60


def main():
    binary = os.environ.get("AQ4SVIT_BINARY", str(ROOT / "target" / "release" / "aq4svit"))
    with tempfile.TemporaryDirectory() as home:
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            os.environ.update(AQ4SVIT_DATA=f"{home}/data", AQ4SVIT_CONFIG=f"{home}/config")
            # Opened at that size, not told later.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execv(binary, [binary, "search", "demo"])

        def until(text, patience=PATIENCE):
            """Reads what the program writes until a text is among it."""
            seen, end = b"", time.monotonic() + patience
            while text.encode() not in seen:
                if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                    sys.exit(f"no {text!r} within {patience} s")
                seen += os.read(terminal, 1 << 16)

        try:
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
        finally:
            os.kill(child, signal.SIGTERM)
            # It gives the terminal back, which somebody has to read.
            try:
                while os.read(terminal, 1 << 16):
                    pass
            except OSError:
                pass
            os.waitpid(child, 0)
    times.sort()
    median, late = times[len(times) // 2], times[int(0.95 * (len(times) - 1))]
    print(f"{KEYS} keys: median {median:.1f} ms, 95 % within {late:.1f} ms, max {times[-1]:.1f} ms")


main()
