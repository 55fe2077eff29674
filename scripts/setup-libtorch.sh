#!/usr/bin/env bash
# Makes sure of what a build needs: Rust, a C++ compiler, and a libtorch 2.13 behind the link .libtorch/torch.
#
# The first of these is linked:
#   1. $LIBTORCH, if set: a folder with lib/ and include/;
#   2. what .libtorch/torch already is;
#   3. the torch 2.13 that python3 imports;
#   4. on Linux x86-64 with glibc: the CPU part of the wheels in libtorch-wheels.txt, unpacked once per user into
#      ${XDG_CACHE_HOME:-~/.cache}/aq4svit (or into .libtorch, when that cannot be written).
#
# Safe to interrupt and to run twice at once: a folder gets its name only when it is complete.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly version=2.13.0 series=2.13
readonly name="libtorch-$version-cpu"

say() { printf 'aq4svit: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

check_tools() {
    have cargo || die "cargo is missing: install Rust 1.88 or newer with rustup (https://rustup.rs), then open a new shell"
    have "${CXX:-c++}" || die "a C++ compiler is missing: install g++ (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install)"
}

# The version of the libtorch in a folder, or nothing.
version_of() {
    local header="$1/include/torch/headeronly/version.h"
    if [ -f "$1/build-version" ]; then
        cat "$1/build-version"
    elif [ -f "$header" ]; then
        awk '$1 == "#define" && $2 ~ /^TORCH_VERSION_(MAJOR|MINOR|PATCH)$/ { v = v dot $3; dot = "." } END { print v }' "$header"
    fi
}

# Whether a folder is a libtorch that can be built with; if not, $problem says why.
problem=
usable() {
    local found
    if [ ! -d "$1" ]; then
        problem="there is no such folder"
    elif [ ! -s "$1/lib/libtorch_cpu.so" ] && [ ! -s "$1/lib/libtorch_cpu.dylib" ]; then
        problem="it holds no lib/libtorch_cpu.so"
    elif [ ! -f "$1/include/torch/csrc/api/include/torch/torch.h" ]; then
        problem="it holds no C++ headers (include/torch/csrc/api/include/torch/torch.h)"
    else
        found=$(version_of "$1")
        case $found in
            "$version" | "$version"+*) return 0 ;;
            # tch refuses other patch versions of the C++ distribution, which is the one with this file.
            "$series".*) [ -f "$1/build-version" ] || return 0 ;;
        esac
        problem="it is version ${found:-unknown}, but $version is needed"
    fi
    return 1
}

# Points .libtorch/torch at a folder.
link() {
    local folder now
    folder=$(cd "$1" && pwd -P)
    [ -d .libtorch ] || rm -f .libtorch # a dangling link
    mkdir -p .libtorch
    if [ -d .libtorch/torch ]; then
        now=$(cd .libtorch/torch && pwd -P)
        if [ "$now" != "$folder" ] && [ ! -L .libtorch/torch ]; then
            say ".libtorch/torch is a folder and stays; plain cargo commands use it unless LIBTORCH is set"
            return
        fi
        [ "$now" != "$folder" ] || [ ! -f .libtorch/chosen ] || return 0
    fi
    [ "${now:-}" = "$folder" ] || ln -sfn "$folder" .libtorch/torch || usable .libtorch/torch || die "cannot link .libtorch/torch to $folder"
    printf '%s\n' "$folder" >.libtorch/chosen
}

# The folder of the torch that python3 imports, if it is of the right series.
python_torch() {
    have python3 || return 1
    (cd / && python3 -c '
import importlib.util, os, sys
if importlib.util.find_spec("torch") is None:
    sys.exit(1)
import torch
if not torch.__version__.startswith(sys.argv[1] + "."):
    sys.exit(1)
print(os.path.dirname(torch.__file__))
' "$series" 2>/dev/null | tail -n 1)
}

# Whether a folder holds a complete libtorch that unpack made.
complete() {
    usable "$1/torch" && [ -e "$1/torch/lib/libtorch.so" ] && [ -s "$1/torch/lib/libc10.so" ] &&
        [ -s "$1/nvidia/cu13/lib/libcudart.so.13" ] && [ -s "$1/nvidia/cu13/lib/libcupti.so.13" ]
}

# Takes from the wheels in a folder what a CPU build needs.
unpack() {
    python3 - "$1" "$2" <<'PYTHON'
import fnmatch, glob, os, shutil, sys, zipfile

wheels, folder = sys.argv[1:]
wanted = [
    "torch/include/*",
    "torch/lib/libc10.so",
    "torch/lib/libgomp.so*",
    "torch/lib/libtorch_cpu.so",
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
    "*.dist-info/licenses/*",
]
for wheel in glob.glob(os.path.join(wheels, "*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.is_dir() or not any(fnmatch.fnmatchcase(member.filename, pattern) for pattern in wanted):
                continue
            path = os.path.join(folder, *member.filename.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with archive.open(member) as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
                if ".so" in path:  # on the disk before the folder gets its name
                    target.flush()
                    os.fsync(target.fileno())
os.symlink("libtorch_cpu.so", os.path.join(folder, "torch", "lib", "libtorch.so"))
PYTHON
}

work=
cleanup() { [ -z "$work" ] || rm -rf "$work"; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Downloads and unpacks into a folder. The caller holds the lock.
fetch() {
    local home=$1
    rm -rf "$home".part.* # of interrupted set-ups
    work=$home.part.$$
    mkdir "$work"
    say "getting libtorch $version (CPU) once for all builds: 550 MB to download, into $home"
    # The wheel is big and /tmp may be small, so the work is done where the result goes.
    TMPDIR=$work PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip download \
        --requirement scripts/libtorch-wheels.txt --require-hashes --no-deps --no-cache-dir --dest "$work/wheels" \
        --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi none \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 --platform manylinux2014_x86_64 >&2 ||
        die "the download failed (see above): try again, or set LIBTORCH to the folder of a libtorch $version"
    say "unpacking libtorch"
    unpack "$work/wheels" "$work/libtorch" || die "unpacking failed (see above): about 1.1 GB of disk are needed in $(dirname "$home")"
    complete "$work/libtorch" || die "the wheels do not hold what was expected: $problem"
    rm -rf "$home"
    mv "$work/libtorch" "$home"
    rm -rf "$work"
    work=
}

# The per-user cache, or .libtorch where there is none that can be written.
cache_folder() {
    local cache=
    case ${XDG_CACHE_HOME:-} in
        /*) cache=$XDG_CACHE_HOME/aq4svit ;;
        *) [ -z "${HOME:-}" ] || cache=$HOME/.cache/aq4svit ;;
    esac
    if [ -n "$cache" ] && mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ]; then
        echo "$cache"
    else
        [ -d .libtorch ] || rm -f .libtorch
        mkdir -p .libtorch
        echo "$PWD/.libtorch"
    fi
}

wheel_torch() {
    local by_hand="set LIBTORCH to the folder of a libtorch $version (it holds lib/ and include/), or: python3 -m pip install torch==$version"
    [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] ||
        die "libtorch $version is missing, and it comes by itself only on Linux x86-64: $by_hand"
    local glibc
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
    case $glibc in
        "glibc 2."[0-9] | "glibc 2.1"[0-9] | "glibc 2.2"[0-7])
            die "libtorch $version is missing, and what could be downloaded needs glibc 2.28, this is $glibc: $by_hand" ;;
        "glibc "*) ;;
        *) die "libtorch $version is missing, and what could be downloaded needs glibc, which this system has not: $by_hand" ;;
    esac
    local cache home
    cache=$(cache_folder)
    home=$cache/$name
    if ! complete "$home"; then
        have python3 || die "python3 is missing: install it with pip to download libtorch (Debian, Ubuntu: apt-get install python3-pip; Fedora: dnf install python3-pip), or set LIBTORCH"
        python3 -m pip --version >/dev/null 2>&1 ||
            die "pip is missing for $(command -v python3): install it to download libtorch (Debian, Ubuntu: apt-get install python3-pip; Fedora: dnf install python3-pip), or set LIBTORCH"
        exec 9>"$home.lock"
        if ! python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null; then
            say "another set-up is running, waiting for it"
            python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || say "cannot lock $home.lock, going on without"
        fi
        complete "$home" || fetch "$home"
        exec 9>&-
    fi
    link "$home/torch"
}

check_tools
if [ -n "${LIBTORCH:-}" ]; then
    usable "$LIBTORCH" || die "LIBTORCH=$LIBTORCH: $problem; set it to the folder of a libtorch $version, or unset it to let this program find one"
    link "$LIBTORCH"
elif usable .libtorch/torch; then
    [ -f .libtorch/chosen ] || link .libtorch/torch
elif torch=$(python_torch) && [ -n "$torch" ] && usable "$torch"; then
    say "using the libtorch of python3: $torch"
    link "$torch"
else
    wheel_torch
fi
