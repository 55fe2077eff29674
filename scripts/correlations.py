#!/usr/bin/env python3
"""Prints how recorded proxies go with the accuracy drop that was measured: Spearman's rank correlation.

Usage: scripts/correlations.py RUN...
Each RUN is a run's folder; each allocation with a drift and an accuracy counts once. A row for each proxy: over all
allocations, and over those whose drop is below 5 points. Runs of `--set search.strategy=random --set gate.mode=off
--no-early-stop` measure every allocation on the same images.
"""

import json
import pathlib
import sys

NEAR = 5.0


def pairs(folder):
    """(drop, proxies by name) of each allocation of a run."""
    allocations, proxies, drops = {}, {}, {}
    with open(pathlib.Path(folder) / "journal.jsonl", encoding="utf-8") as journal:
        for line in journal:
            event = json.loads(line)
            candidate = event.get("candidate")
            match event["type"]:
                case "proposed":
                    allocations[candidate] = tuple(event["allocation"])
                case "measured":
                    proxies[candidate] = {"drift": event["drift"], **(event.get("proxies") or {})}
                case "screened" | "confirmed" if event["images"] > 0:
                    lost = event["float_correct"] - event["correct"]
                    drops[candidate] = 100 * lost / event["images"]
    found = {allocations[c]: (drops[c], proxies[c]) for c in proxies if c in drops}
    return list(found.values())


def ranks(numbers):
    """Ranks from 1; equal numbers share their mean rank."""
    order = sorted(numbers)
    first, count = {}, {}
    for i, number in enumerate(order):
        first.setdefault(number, i)
        count[number] = count.get(number, 0) + 1
    return [first[n] + (count[n] + 1) / 2 for n in numbers]


def spearman(found):
    """Pearson's correlation of ranks; None where there are fewer than three or one side does not vary."""
    if len(found) < 3:
        return None
    a, b = (ranks(side) for side in zip(*found))
    mean = (len(found) + 1) / 2
    product = sum((x - mean) * (y - mean) for x, y in zip(a, b))
    squares = [sum((x - mean) ** 2 for x in side) for side in (a, b)]
    return product / (squares[0] * squares[1]) ** 0.5 if min(squares) > 0 else None


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for folder in sys.argv[1:]:
        found = pairs(folder)
        near = [p for p in found if p[0] < NEAR]
        print(f"{folder}: {len(found)} allocations, {len(near)} with a drop below {NEAR:g} points")
        for name in dict.fromkeys(name for _, proxies in found for name in proxies):
            of = lambda part: spearman([(p[name], drop) for drop, p in part if p.get(name) is not None])
            cells = ["–" if (rho := of(part)) is None else f"{rho:.2f}" for part in (found, near)]
            print(f"  {name:16} {cells[0]:>6} {cells[1]:>6}")


if __name__ == "__main__":
    main()
