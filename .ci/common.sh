# Functions that .ci/setup and .ci/install share.

export PIP_DISABLE_PIP_VERSION_CHECK=1
step=${0##*/}

say() { printf '%s: %s\n' "$step" "$*"; }

# Install Debian packages.
install() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null || { say "please install $* (no apt-get here)"; exit 1; }
    [ "$(id -u)" = 0 ] || { say "not root: please run  sudo apt-get install $*"; exit 1; }
    say "apt-get install $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq "$@" >/dev/null || { apt-get update -qq; apt-get install -y -qq "$@" >/dev/null; }
}

# python-pytun has binary wheels for x86_64 only; on other machines pip compiles it.
need_compiler() {
    [ "$(uname -m)" = x86_64 ] || command -v gcc >/dev/null || install gcc libc6-dev python3-dev
}

suitable() { "$1" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Set `python` to one that can create virtual environments: $PYTHON, or the first of the arguments.
find_python() {
    for python in ${PYTHON:+"$PYTHON"} "$@" python3 python3.14 python3.13 python3.12 python3.11; do
        if suitable "$python"; then return; fi
    done
    false
}

need_python() {
    find_python "$@" && return
    install python3 python3-venv
    find_python "$@" && return
    install python3.11 python3.11-venv
    python=python3.11
}
