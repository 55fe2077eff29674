#!/usr/bin/env bash
# A cluster on one machine: a server, three workers, a search of the demo, one worker killed in the middle; then the same
# search alone. Both must come to the same allocation. PROGRAM names the program, PROFILE another profile.
set -euo pipefail

program=${PROGRAM:-target/release/aq4svit}
profile=${PROFILE:-demo}
folder=$(mktemp -d)
export AQ4SVIT_CONFIG=$folder/config AQ4SVIT_DATA=$folder/data
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT

"$program" cluster up --bind 127.0.0.1:0 --access "$folder/cluster.toml" --ack-wait 3 &
started+=($!)
for _ in $(seq 100); do
    [ -e "$folder/cluster-viewer.toml" ] && break
    kill -0 "${started[0]}" 2>/dev/null || { echo "the server did not start" >&2; exit 1; }
    sleep 0.2
done
for _ in 1 2 3; do
    "$program" worker --cluster "$folder/cluster-worker.toml" --threads 1 --no-result-cache &
    started+=($!)
done
victim=${started[1]}

# The allocation of the profile that a run saves: the table [bits].
allocation() { sed -n '/^\[bits\]/,/^\[[^b]/p' "$1/best.toml" | grep = ; }

"$program" search "$profile" --headless --no-result-cache --cluster "$folder/cluster.toml" --run-dir "$folder/together" &
search=$!
started+=("$search")
journal=$folder/together/journal.jsonl
while [ "$(wc -l 2>/dev/null <"$journal" || echo 0)" -lt 20 ] && kill -0 "$search" 2>/dev/null; do sleep 0.2; done
echo "== killing worker $victim in the middle"
kill -9 "$victim"
"$program" cluster status --cluster "$folder/cluster-viewer.toml"
code=0
wait "$search" || code=$?
[ "$code" = 0 ] || [ "$code" = 3 ] || { echo "the search on the cluster failed" >&2; exit 1; }

echo "== the same search alone"
"$program" search "$profile" --headless --no-result-cache --no-self-check --run-dir "$folder/alone" || [ $? = 3 ]
if [ "$(allocation "$folder/together")" = "$(allocation "$folder/alone")" ]; then
    echo "== the same allocation"
else
    echo "== other allocations" >&2
    exit 1
fi
