#!/bin/sh
# Images per second beside the authors' PyTorch code, and the ratios: benches/compare.sh [ROUNDS] [THREADS] [NETWORK]...
#
# PYTHON (default python3) must have torch; the same libtorch version as this program's makes it a fair comparison. Both run in turn,
# ROUNDS times (default 3), with the same threads and the same batch; of each the best round counts. Twice: by the clock, and by
# processor time, which other programs on the machine do not disturb.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3} threads=${2:-1}
[ $# -gt 2 ] && shift 2 || set -- demo spikformer sdt-v2
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for round in $(seq "$rounds"); do
    for network in "$@"; do
        ${CARGO:-cargo} bench --quiet --bench forward -- "$network" --bits 32,8,4 --threads "$threads" --batches 4 | tee "$lines.new" >&2
        batch=$(sed -n '1s/.* batch \([0-9]*\).*/\1/p' "$lines.new")
        ${PYTHON:-python3} benches/authors.py "$network" --threads "$threads" --batch "$batch" | tee -a "$lines.new" >&2
        cat "$lines.new" >>"$lines"
        rm -f "$lines.new"
    done
done
awk '
    { key = $1 " " $2; if ($3 > clock[key]) clock[key] = $3; if ($5 > busy[key]) busy[key] = $5; batch[$1] = $8
      if (!(key in seen)) { seen[key] = 1; order[++n] = key } }
    END {
        printf "%-12s %-6s %5s %12s %8s %16s %8s\n", "network", "bits", "batch", "images/s", "ratio", "per cpu second", "ratio"
        for (i = 1; i <= n; i++) {
            split(order[i], part, " "); base = part[1] " authors"
            printf "%-12s %-6s %5d %12.2f %8.2f %16.2f %8.2f\n", part[1], part[2], batch[part[1]], clock[order[i]],
                clock[order[i]] / clock[base], busy[order[i]], busy[order[i]] / busy[base]
        }
    }' "$lines"
