#!/usr/bin/env python3
"""Writes docs/recording.cast (asciinema 2) and docs/recording.svg (moving): the real program on the demo, steered by the
keys below.

Usage: scripts/record.py
Needs a Unix, tmux and a built target/release/aq4svit, or another binary named by $AQ4SVIT_BINARY.
"""

import json
import os
import select
import subprocess
import tempfile
import time

from program import ROOT, searching
from screenshot import HEIGHT, WIDTH, rows, start_of_svg

COLUMNS, ROWS = 120, 36
# Seconds to wait, then keys to press. The demo has an incumbent after some ten seconds on two cores.
KEYS = [
    (25, "2"), (3, "jjjj"), (2, "-"), (2, "-"), (2, "jj"), (1, "-"), (4, "\r"), (5, "1"), (4, "i"), (3, "f"),
    (4, "3"), (5, "4"), (5, "5"), (1, "\r"), (6, "6"), (5, "c"), (2, "\x15"), (1, "1"), (0.3, "."), (0.3, "0"),
    (3, "\r"), (4, "u"), (3, "1"), (6, ":"), (1, "p"), (0.3, "a"), (0.3, "u"), (3, "\r"), (3, ""),
]  # fmt: skip
# A picture of the moving one at most so often.
STEP = 0.7


def record():
    """Runs the program; returns what it wrote, with the time of each piece in seconds."""
    with searching(COLUMNS, ROWS) as terminal:
        begin, pieces = time.monotonic(), []
        for wait, keys in KEYS:
            until = time.monotonic() + wait
            while (left := until - time.monotonic()) > 0:
                if select.select([terminal], [], [], left)[0]:
                    pieces.append((time.monotonic() - begin, os.read(terminal, 1 << 16)))
            os.write(terminal, keys.encode())
    return pieces


def cast(pieces):
    """An asciinema recording. A character may be cut in two between pieces."""
    title = "aq4svit: a search that can be steered"
    lines = [json.dumps({"version": 2, "width": COLUMNS, "height": ROWS, "title": title})]
    rest = b""
    for at, piece in pieces:
        whole = rest + piece
        cut = len(whole)
        while cut and whole[cut - 1] & 0xC0 == 0x80:
            cut -= 1
        if cut and whole[cut - 1] >= 0xC0:
            cut -= 1
            length = 2 + (whole[cut] >= 0xE0) + (whole[cut] >= 0xF0)
            cut = len(whole) if len(whole) - cut >= length else cut
        else:
            cut = len(whole)
        text, rest = whole[:cut], whole[cut:]
        lines.append(json.dumps([round(at, 3), "o", text.decode(errors="replace")], ensure_ascii=False))
    return "\n".join(lines) + "\n"


def pictures(pieces):
    """What a terminal shows of the recording, a captured screen for every step, with its time."""
    shots = []
    with tempfile.TemporaryDirectory() as home:
        tmux = ["tmux", "-S", os.path.join(home, "socket"), "-f", "/dev/null"]
        pipe = os.path.join(home, "pipe")
        os.mkfifo(pipe)
        shell = f"stty raw -echo; cat {pipe}; sleep 60"
        subprocess.run([*tmux, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), shell], check=True)
        subprocess.run([*tmux, "set", "-g", "status", "off"], check=True)
        with open(pipe, "wb", buffering=0) as screen:
            due = STEP
            for at, piece in pieces:
                if at >= due:
                    time.sleep(0.05)
                    capture = [*tmux, "capture-pane", "-e", "-p", "-N"]
                    shot = subprocess.run(capture, check=True, capture_output=True, text=True).stdout
                    shots.append((due, shot.splitlines()))
                    due = at + STEP
                screen.write(piece)
        subprocess.run([*tmux, "kill-server"], check=False)
    return shots


def moving(shots, end):
    """All screens side by side, moved past a window; lines that are alike are drawn once."""
    known, lines, frames, steps = {}, [], [], []
    width = round(COLUMNS * WIDTH + 16)
    last = None
    for at, shot in shots:
        ids = []
        for row in rows(shot):
            if row and row not in known:
                known[row] = len(known)
                lines.append(f'<g id="l{known[row]}">{row}</g>')
            ids.append(known.get(row))
        if ids == last:
            continue
        last = ids
        uses = "".join(f'<use href="#l{id}" y="{y * HEIGHT}"/>' for y, id in enumerate(ids) if id is not None)
        steps.append(f"{100 * at / end:.2f}%{{transform:translateX(-{len(frames) * width}px)}}")
        frames.append(f'<g transform="translate({len(frames) * width},0)">{uses}</g>')
    steps[0] = "0%" + steps[0][steps[0].index("{") :]
    css = (
        f"<style>@keyframes play{{{''.join(steps)}}}"
        f"#reel{{animation:play {end:.1f}s step-end infinite}}</style>"
    )
    head = start_of_svg(COLUMNS, ROWS, css)
    return "\n".join([head, "<defs>", *lines, "</defs>", '<g id="reel">', *frames, "</g></svg>\n"])


def main():
    pieces = record()
    shots = pictures(pieces)
    for name, text in [("recording.cast", cast(pieces)), ("recording.svg", moving(shots, pieces[-1][0]))]:
        target = ROOT / "docs" / name
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target.relative_to(ROOT)}, {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
