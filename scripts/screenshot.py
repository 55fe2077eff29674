#!/usr/bin/env python3
"""Writes docs/screenshot.svg and docs/screenshot-NAME.svg: the real program on the demo, captured from tmux after so many
seconds, the card of its result once it has ended, and the start screen then.

Usage: scripts/screenshot.py [seconds] [columns] [rows]
Needs tmux and a built target/release/aq4svit, or another binary named by $AQ4SVIT_BINARY.
"""

import html
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS, COLUMNS, ROWS = 60, 140, 42
BASIC = "1c1c1c d75f5f 87af5f d7af5f 5f87d7 af87d7 5fafaf bcbcbc 6c6c6c ff8787 afd787 ffd787 87afff d7afff 87d7d7 eeeeee".split()
# Keys that open a view, seconds until it shows what it is to show, and the picture's name.
VIEWS = [
    (["1"], 1, "screenshot"),
    (["2"], 1, "screenshot-allocation"),
    (["3"], 1, "screenshot-gate"),
    (["4"], 1, "screenshot-front"),
    (["6"], 1, "screenshot-run"),
    # One look at the potentials serves all sites; the last one but the logits has the most to show.
    (["5", "G", "Enter", "k", "Enter"], 15, "screenshot-membranes"),
]
# What lies over the panes; escape closes it.
DIALOGS = [
    (["4", "B", "PageUp"], 3, "screenshot-what-if"),
    (["?"], 1, "screenshot-help"),
    (["T"], 1, "screenshot-settings"),
]
# The longest that the search may take, in seconds.
PATIENCE = 1800
BACKGROUND, FOREGROUND = "#101418", "#d0d0d0"


def colour(code):
    """The hexadecimal colour of an index of the 256-colour palette."""
    if code < 16:
        return "#" + BASIC[code]
    if code < 232:
        steps = [0, 95, 135, 175, 215, 255]
        code -= 16
        return "#%02x%02x%02x" % (steps[code // 36], steps[code // 6 % 6], steps[code % 6])
    return "#%02x%02x%02x" % ((8 + 10 * (code - 232),) * 3)


def style(state, codes):
    """Applies the numbers of one SGR sequence to a style."""
    codes = [int(c or 0) for c in codes.split(";")]
    while codes:
        code = codes.pop(0)
        if code == 0:
            state.clear()
        elif code in (38, 48):
            key = "fg" if code == 38 else "bg"
            if codes.pop(0) == 5:
                state[key] = colour(codes.pop(0))
            else:
                state[key] = "#%02x%02x%02x" % tuple(codes.pop(0) for _ in range(3))
        elif 30 <= code <= 37 or 90 <= code <= 97:
            state["fg"] = colour(code - 30 if code < 40 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            state["bg"] = colour(code - 40 if code < 50 else code - 92)
        elif code in (39, 49):
            state.pop("fg" if code == 39 else "bg", None)
        elif code in (1, 2, 7, 9):
            state[{1: "bold", 2: "dim", 7: "reverse", 9: "strike"}[code]] = True
        elif code == 22:
            state.pop("bold", None), state.pop("dim", None)


WIDTH, HEIGHT = 8.4, 17


def rows(lines):
    """The markup of every captured line, as if it were the first of a picture."""
    state = {}
    for line in lines:
        column, out = 0, []
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            match = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
            if match:
                style(state, match[1])
                continue
            if not part:
                continue
            fg, bg = state.get("fg", FOREGROUND), state.get("bg")
            if state.get("reverse"):
                fg, bg = bg or BACKGROUND, fg
            x, width = 8 + column * WIDTH, len(part) * WIDTH
            if bg:
                out.append(f'<rect x="{x:.1f}" y="8" width="{width:.1f}" height="{HEIGHT}" fill="{bg}"/>')
            extra = ' font-weight="bold"' if state.get("bold") else ""
            extra += ' opacity="0.6"' if state.get("dim") else ""
            extra += ' text-decoration="line-through"' if state.get("strike") else ""
            if part.strip():
                out.append(
                    f'<text x="{x:.1f}" y="21" fill="{fg}"{extra} xml:space="preserve" '
                    f'textLength="{width:.1f}">{html.escape(part)}</text>'
                )
            column += len(part)
        yield "".join(out)


def start_of_svg(columns, rows_, more=""):
    """The opening of a picture of so many columns and rows, and its background."""
    width, height = columns * WIDTH + 16, rows_ * HEIGHT + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}" '
        f'font-family="ui-monospace,DejaVu Sans Mono,Menlo,monospace" font-size="14">{more}'
        f'<rect width="100%" height="100%" rx="6" fill="{BACKGROUND}"/>'
    )


def svg(lines):
    """The captured lines as an SVG picture."""
    at = (f'<g transform="translate(0,{y * HEIGHT})">{row}</g>' for y, row in enumerate(rows(lines)) if row)
    return "\n".join([start_of_svg(COLUMNS, ROWS), *at, "</svg>\n"])


def main():
    global SECONDS, COLUMNS, ROWS
    given = [int(a) for a in sys.argv[1:]]
    SECONDS, COLUMNS, ROWS = given + [SECONDS, COLUMNS, ROWS][len(given) :]
    with tempfile.TemporaryDirectory() as home:
        tmux = ["tmux", "-S", os.path.join(home, "socket")]
        binary = os.environ.get("AQ4SVIT_BINARY", ROOT / "target" / "release" / "aq4svit")
        program = f"AQ4SVIT_DATA={home}/data AQ4SVIT_CONFIG={home}/config {binary}"
        subprocess.run([*tmux, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), program], check=True)

        def press(keys, seconds):
            subprocess.run([*tmux, "send-keys", *keys], check=True)
            time.sleep(seconds)

        def screen():
            capture = [*tmux, "capture-pane", "-e", "-p"]
            return subprocess.run(capture, check=True, capture_output=True, text=True).stdout

        def write(name):
            target = ROOT / "docs" / f"{name}.svg"
            target.parent.mkdir(exist_ok=True)
            target.write_text(svg(screen().splitlines()), encoding="utf-8")
            print(f"wrote {target.relative_to(ROOT)}")

        time.sleep(SECONDS)
        for keys, seconds, name in VIEWS:
            press(keys, seconds)
            write(name)
        press(["1"], 1)
        until = time.monotonic() + PATIENCE
        while "FINISHED" not in screen() and time.monotonic() < until:
            time.sleep(1)
        if " Result " not in screen():
            press(["v"], 1)
        write("screenshot-result")
        press(["Escape"], 1)
        for keys, seconds, name in DIALOGS:
            press(keys, seconds)
            write(name)
            press(["Escape"], 1)
        press(["C-o"], 2)
        write("screenshot-start")
        subprocess.run([*tmux, "kill-server"], check=False)


if __name__ == "__main__":
    main()
