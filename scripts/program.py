"""The real program searching the demo in a pseudo terminal of its own: for scripts that look at it. Needs a Unix."""

import contextlib
import fcntl
import os
import pty
import signal
import struct
import tempfile
import termios
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def searching(columns, rows):
    """Starts target/release/aq4svit, or the program named by $AQ4SVIT_BINARY, with empty folders; gives the terminal's file
    descriptor, and ends the program."""
    binary = os.environ.get("AQ4SVIT_BINARY", str(ROOT / "target" / "release" / "aq4svit"))
    with tempfile.TemporaryDirectory() as home:
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            os.environ.update(AQ4SVIT_DATA=f"{home}/data", AQ4SVIT_CONFIG=f"{home}/config")
            # Opened at that size, not told later.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(binary, [binary, "search", "demo"])
        try:
            yield terminal
        finally:
            os.kill(child, signal.SIGTERM)
            # It gives the terminal back, which somebody has to read.
            try:
                while os.read(terminal, 1 << 16):
                    pass
            except OSError:
                pass
            os.waitpid(child, 0)
