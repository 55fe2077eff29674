#!/usr/bin/env bash
# Gives every reader of files from outside to libFuzzer, FUZZ_SECONDS (600) each, and says what came of it.
# Arguments name some of them. Needs a nightly Rust and `cargo install cargo-fuzz`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${FUZZ_SECONDS:-600}
targets=("$@")
[ "$#" -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)

# No sanitizer: the readers are safe Rust, and a panic is what is looked for.
cargo +nightly fuzz build -s none
for target in "${targets[@]}"; do
    log=$(mktemp)
    # Folders of inputs are made in memory where there is such a place.
    [ ! -d /dev/shm ] || export TMPDIR=/dev/shm
    if cargo +nightly fuzz run -s none "$target" -- -max_total_time="$seconds" -max_len=131072 -timeout=25 \
        -rss_limit_mb=2048 -malloc_limit_mb=1024 -print_final_stats=1 >"$log" 2>&1; then
        awk -v t="$target" -v s="$seconds" '/number_of_executed_units/ { n = $2 } /peak_rss_mb/ { m = $2 }
            END { printf "%-18s %5d s %10d inputs, %4d MiB at most\n", t, s, n, m }' "$log"
    else
        tail -n 20 "$log"
        echo "$target: put the input from fuzz/artifacts/$target into fuzz/findings/$target and mend it" >&2
        exit 1
    fi
    rm -f "$log"
done
