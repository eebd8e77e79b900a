#!/usr/bin/env bash
# Sets up what the Makefile needs. Run by `make`; each part installs only what is missing.
#
#   installer/setup.sh system      libraries for windows and OpenGL (Debian and its kin, through apt)
#   installer/setup.sh python      .venv with the pinned packages, CondSeg itself editable
#   installer/setup.sh installer   PyInstaller, into the same .venv
#
# PYTHON=/path/to/python3 chooses the interpreter (3.11 or newer) for a new .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly LIBRARIES=(
    xvfb xauth libegl1 libgl1 libopengl0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0
    libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libdbus-1-3
    libgl1-mesa-dri libglx-mesa0 libfontconfig1
)
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { echo "setup: $*"; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say "no Python 3.11 or newer was found; install one, or name it: make setup PYTHON=/path/to/python3" >&2
    return 1
}

missing_packages() {
    local name interpreter
    for name in "${LIBRARIES[@]}"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || echo "$name"
    done
    # Debian keeps the part of Python that makes virtual environments in a package of its own.
    if [ ! -d .venv ] && interpreter=$(find_python 2>/dev/null) && ! "$interpreter" -c 'import ensurepip' 2>/dev/null; then
        echo python3-venv
    fi
}

install_system() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        return 0  # not Debian: macOS needs nothing, other Linux desktops have these libraries
    fi
    local missing as_root=()
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            as_root=(sudo)
        else
            say "these system packages are missing, and installing them takes root:"
            say "    apt-get install --no-install-recommends ${missing[*]}"
            say "going on without; windows, and tests that open one, need them"
            return 0
        fi
    fi
    say "installing system packages: ${missing[*]}"
    "${as_root[@]}" apt-get -qq update || say "not every package list could be renewed; going on with those at hand"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}" \
        >/dev/null
}

pip_install() {
    local quiet=()
    [ -t 1 ] || quiet=(--quiet --quiet)
    .venv/bin/python -m pip install "${quiet[@]}" "$@"
}

install_python() {
    if [ ! -x .venv/bin/python ]; then
        local interpreter
        interpreter=$(find_python)
        say "making .venv with $("$interpreter" --version)"
        "$interpreter" -m venv .venv
    fi
    pip_install --upgrade "pip>=25.1"  # the first that knows dependency groups
    # Alone and first: with it in place, no other package's wish for torch can bring another build.
    say "installing torch (once; a build for GPUs is several GB)"
    pip_install --constraint constraints.txt "$(grep '^torch==' constraints.txt)"
    say "installing the other packages"
    pip_install --constraint constraints.txt --editable ".[desktop]" --group dev
}

case "${1:-}" in
    system) install_system ;;
    python) install_python ;;
    installer) pip_install --constraint constraints.txt --group installer ;;
    *)
        say "usage: installer/setup.sh system|python|installer" >&2
        exit 2
        ;;
esac
