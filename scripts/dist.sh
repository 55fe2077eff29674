#!/usr/bin/env bash
# One folder that can be carried: the program, the libtorch that it was linked with, licences and
# profiles. `make dist` runs it; `scripts/check-dist.sh FOLDER` tries its result.
# scripts/dist.sh [PROGRAM]     (default: the release build)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { echo "dist: $*" >&2; exit 1; }

[ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || die "only on Linux x86-64"
target=${CARGO_TARGET_DIR:-target}
program=${1:-$target/release/aq4svit}
[ -x "$program" ] || die "there is no $program: make build"
libtorch=${LIBTORCH:-.libtorch/torch}
lib=$(realpath "$libtorch/lib") || die "there is no $libtorch: make libtorch"
[ ! -e "$lib/libtorch_cuda.so" ] || die "$lib is a libtorch with CUDA: only the one of the processor is carried"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
folder=$target/dist/aq4svit-$version-linux-x86_64
# Made beside and put in place at the end: an interrupted run leaves no half folder behind.
work=$target/dist/.part.$$
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lib" "$work/licences"

# The libraries, beside the program. All of them look for each other in their own folder.
cp -L "$lib/libc10.so" "$lib/libtorch_cpu.so" "$work/lib/"
ln -s libtorch_cpu.so "$work/lib/libtorch.so"
for other in "$lib"/libgomp*.so* "$lib"/../../nvidia/cu13/lib/*.so.*; do
    [ ! -e "$other" ] || cp -L "$other" "$work/lib/"
done
# The C++ library of where it was linked: a minimal system may have none. The C library is the
# system's own.
for name in libstdc++.so.6 libgcc_s.so.1; do
    found=$(ldd "$program" | awk -v name="$name" '$1 == name { print $3 }')
    [ -z "$found" ] || cp -L "$found" "$work/lib/"
done

cp "$program" "$work/aq4svit"
if command -v strip >/dev/null; then strip --strip-debug "$work/aq4svit"; fi
# The program also looks where it was linked. In a copy that would be a folder of somebody else's
# machine, which somebody there could fill: its name gives way to the relative one, padded to the
# same length.
cuda=$(realpath -m "$lib/../../nvidia/cu13/lib")
for path in "$cuda" "$lib"; do
    relative="\$ORIGIN/lib"
    while [ "${#relative}" -lt "${#path}" ]; do relative=$relative/; done
    [ "${#relative}" -eq "${#path}" ] || die "the path $path is too short to be replaced"
    escaped=$(printf '%s' "$path" | sed 's/[][\.*^$|]/\\&/g')
    LC_ALL=C sed -i "s|$escaped|$relative|g" "$work/aq4svit"
done
# shellcheck disable=SC2016
readelf -d "$work/aq4svit" 2>/dev/null | grep -qF '$ORIGIN/lib' ||
    die "$program does not look for libraries beside itself: build it again"

cp -r profiles README.md CHANGELOG.md "$work/"
cp LICENSE "$work/licences/aq4svit.txt"
cp assets/README.md "$work/licences/demo.md"
for licences in "$lib"/../../*.dist-info/licenses; do
    [ -d "$licences" ] || continue
    name=$(basename "$(dirname "$licences")" .dist-info)
    cp -r "$licences" "$work/licences/$name"
done
# Every crate that is linked, with the texts that come with it.
cargo tree --locked --edges normal --prefix none --format '{p} {l}' | sed 's/ (.*)//; s/ (\*)//' | sort -u \
    > "$work/licences/crates.txt"
mkdir "$work/licences/crates"
cargo metadata --locked --format-version 1 --filter-platform x86_64-unknown-linux-gnu |
    grep -o '"manifest_path":"[^"]*"' | cut -d'"' -f4 | while read -r manifest; do
    source=$(dirname "$manifest")
    name=$(basename "$source")
    # What is only built or tested with is not in the program.
    grep -q "^${name%-*} v${name##*-} " "$work/licences/crates.txt" || continue
    for text in "$source"/LICEN[CS]E* "$source"/COPYING* "$source"/NOTICE*; do
        [ -f "$text" ] || continue
        cp "$text" "$work/licences/crates/$name-$(basename "$text")"
    done
done
cat > "$work/licences/README.md" <<'TEXT'
# Licences

`aq4svit.txt` is the program's own, `demo.md` says whose the demo's network and images are. The
folders are those of libtorch and of what comes with it (the CUDA libraries are only there because
libtorch's library names them). `crates.txt` lists every crate that is linked with its licence,
`crates/` has their texts. libstdc++, libgcc and libgomp are GCC's, under the GPL with the runtime
library exception.
TEXT

rm -rf "$folder"
mv "$work" "$folder"
chmod -R u+rwX,go+rX,go-w "$folder"
echo "$folder: $(du -sh "$folder" | cut -f1)"
