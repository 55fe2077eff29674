#!/usr/bin/env bash
# Tries the folder of `make dist` as somebody who has nothing else: a copy elsewhere, an empty
# environment, and (where this user may) a root with the C library alone, without cargo, Python,
# libtorch or a shell.
# scripts/check-dist.sh [FOLDER]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-$(echo "${CARGO_TARGET_DIR:-target}"/dist/aq4svit-*-linux-x86_64)}
[ -x "$folder/aq4svit" ] || { echo "check-dist: there is no $folder/aq4svit: make dist" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/opt" "$root/tmp" "$root/lib64" "$root/lib/x86_64-linux-gnu"
cp -a "$folder" "$root/opt/aq4svit"
there=$root/opt/aq4svit

fail() { echo "check-dist: $*" >&2; exit 1; }

echo "no path of this machine is in the program or asked of the loader"
! grep -qF "$PWD" "$there/aq4svit" || echo "  (paths of sources remain in messages of panics)"
! readelf -d "$there/aq4svit" "$there"/lib/*.so* | grep -E 'R(UN)?PATH' | grep -vE '\$ORIGIN' | grep . ||
    fail "a library path is absolute"

echo "an empty environment, another folder, libtorch found beside the program alone"
mkdir "$work/elsewhere"
(
    cd "$work/elsewhere"
    env -i "$there/aq4svit" --version
    env -i LD_DEBUG=libs "$there/aq4svit" --version 2>"$work/libs" >/dev/null
    ! grep -E 'calling init: .*(torch|c10|cuda|cupti)' "$work/libs" | grep -vF "$there/lib" | grep . ||
        fail "a library came from elsewhere"
    env -i AQ4SVIT_CONFIG="$work/c" AQ4SVIT_DATA="$work/d" "$there/aq4svit" doctor
    env -i AQ4SVIT_CONFIG="$work/c" AQ4SVIT_DATA="$work/d" "$there/aq4svit" evaluate demo --split calibration
)

echo "a link to the program"
ln -s "$there/aq4svit" "$work/elsewhere/aq4svit"
env -i "$work/elsewhere/aq4svit" --version

echo "a root with the C library alone"
for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1; do
    found=$(find /lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu /lib64 /usr/lib64 -name "$name" 2>/dev/null | head -n 1)
    [ -z "$found" ] || cp -L "$found" "$root/lib/x86_64-linux-gnu/"
done
cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
# The loader asks /proc where the program lies, as every container has it.
mkdir "$root/proc"
enter=(unshare --mount --pid --fork "--mount-proc=$root/proc" chroot "$root")
[ "$(id -u)" = 0 ] || enter=(unshare --user --map-root-user "${enter[@]:1}")
alone() { env -i PATH="$PATH" AQ4SVIT_CONFIG=/tmp/c AQ4SVIT_DATA=/tmp/d "${enter[@]}" /opt/aq4svit/aq4svit "$@"; }
if unshare --mount true 2>/dev/null || unshare --user --map-root-user --mount true 2>/dev/null; then
    alone --version || fail "the program does not start in a bare root"
    alone doctor || fail "doctor in a bare root"
else
    echo "  not tried: this user may not change the root"
fi
echo "check-dist: all of it works"
