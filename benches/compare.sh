#!/bin/sh
# Images per second beside the authors' networks in PyTorch, and the ratios: benches/compare.sh [ROUNDS] [THREADS] [NETWORK]...
#
# PYTHON (default python3) must have torch. Both run in turn, ROUNDS times (default 5), with the same threads, the same batch
# and the same graph (benches/graph.py); a ratio is of the two of one round, and the median over the rounds is shown. Twice: by
# the clock, and by processor time, which other programs on the machine do not disturb. The names of networks are those of
# `cargo bench --bench forward`; without any, each family at a published size, for CIFAR and for ImageNet.
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-5} threads=${2:-1}
[ $# -gt 2 ] && shift 2 || set -- demo \
    spikformer-cifar10-4-384 spikingformer-cifar10-4-384 sdt-v1-cifar10-2-512 qkformer-cifar10-4-384 \
    max-former-cifar10-4-384 ms-qkformer-cifar10-4-384 spikingresformer-cifar10-ti \
    spikformer-imagenet-8-384 spikingformer-imagenet-8-384 sdt-v1-imagenet-8-384 sdt-v2-imagenet-15m sdt-v3-imagenet-s \
    qkformer-imagenet-10-384 max-former-imagenet-10-384 ms-qkformer-imagenet-10-384 spikingresformer-imagenet-ti
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for round in $(seq "$rounds"); do
    for network in "$@"; do
        ${CARGO:-cargo} bench --quiet --bench forward -- "$network" --bits "${BITS:-32,8,4}" --threads "$threads" \
            --batches "${BATCHES:-2}" --graphs "$work" | tee "$work/new" >&2
        batch=$(sed -n '1s/.* batch \([0-9]*\).*/\1/p' "$work/new")
        [ -n "$batch" ] || { echo "$network was not measured" >&2; exit 1; }
        ${PYTHON:-python3} benches/graph.py "$work/$network.json" --threads "$threads" --batch "$batch" | tee -a "$work/new" >&2
        sed "s/^/$round /" "$work/new" >>"$work/lines"
    done
done
awk '
    function median(of, key,    n, i, j, x, sorted) {
        n = split(of[key], sorted, " ")
        for (i = 2; i <= n; i++) {
            x = sorted[i] + 0
            for (j = i - 1; j > 0 && sorted[j] + 0 > x; j--) sorted[j + 1] = sorted[j]
            sorted[j + 1] = x
        }
        return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
    }
    { key = $2 " " $3; clock[$1, key] = $4; busy[$1, key] = $6; batch[$2] = $9
      if ($1 > rounds) rounds = $1
      if (!(key in seen)) { seen[key] = 1; order[++n] = key } }
    END {
        printf "%-30s %-8s %5s %10s %7s %15s %7s\n", "network", "bits", "batch", "images/s", "ratio", "per cpu second", "ratio"
        for (i = 1; i <= n; i++) {
            split(order[i], part, " "); base = part[1] " authors"
            rates = ratios = busies = shares = ""
            for (r = 1; r <= rounds; r++) {
                rates = rates " " clock[r, order[i]]; ratios = ratios " " clock[r, order[i]] / clock[r, base]
                busies = busies " " busy[r, order[i]]; shares = shares " " busy[r, order[i]] / busy[r, base]
            }
            all[1] = rates; all[2] = ratios; all[3] = busies; all[4] = shares
            printf "%-30s %-8s %5d %10.2f %7.2f %15.2f %7.2f\n", part[1], part[2], batch[part[1]],
                median(all, 1), median(all, 2), median(all, 3), median(all, 4)
        }
    }' "$work/lines"
