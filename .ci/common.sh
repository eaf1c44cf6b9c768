# Functions that .ci/setup and .ci/install share.

export PIP_DISABLE_PIP_VERSION_CHECK=1
step=${0##*/}

say() { printf '%s: %s\n' "$step" "$*"; }
give_up() { say "$*" >&2; exit 2; }

# Install Debian packages.
install() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null || give_up "$*: missing, and there is no apt-get; install these, by Debian's names"
    [ "$(id -u)" = 0 ] || give_up "$*: missing, and only root can install them; run sudo apt-get install $*"
    say "apt-get install $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq "$@" >/dev/null || { apt-get update -qq; apt-get install -y -qq "$@" >/dev/null; }
}

# Print "suitable" if a Python can create virtual environments; otherwise the reason and the remedy.
suitability() {
    command -v "$1" >/dev/null || { echo "there is no such program; choose another one"; return; }
    "$1" -c '
import sys
version = sys.version_info[:2]
try:
    import ensurepip, venv
    missing = None
except ImportError as error:
    missing = error
if version < (3, 11):
    print("Python %d.%d is too old; choose 3.11 or newer" % version)
elif missing:
    print("%s; install its venv (Debian: python%d.%d-venv)" % ((missing,) + version))
else:
    print("suitable")' 2>/dev/null || true
}

# Set `python` to one that can create virtual environments: $PYTHON, or the first of the arguments.
find_python() {
    for python in "$@" python3 python3.14 python3.13 python3.12 python3.11; do
        [ "$(suitability "$python")" != suitable ] || return 0
    done
    false
}

need_python() {
    local verdict
    if [ "${PYTHON:-}" ]; then  # never another one, which would be a surprise
        python=$PYTHON
        verdict=$(suitability "$python")
        [ "$verdict" = suitable ] ||
            give_up "PYTHON=$PYTHON: ${verdict:-it does not run Python code; choose another one}"
        return
    fi
    find_python "$@" && return
    install python3 python3-venv
    find_python "$@" && return
    install python3.11 python3.11-venv
    python=python3.11
}

# python-pytun has binary wheels for x86_64 only.  On other machines pip compiles it, for which it
# needs a compiler, and the header files of the Python that will import it.
need_compiler() {  # PYTHON
    [ "$(uname -m)" != x86_64 ] || return 0
    local missing=() headers
    command -v gcc >/dev/null || missing+=(gcc libc6-dev)
    headers=$("$1" -c '
import os, sys, sysconfig
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    print("python%d.%d-dev" % sys.version_info[:2] if sys.base_prefix == "/usr" else "none")')
    [ "$headers" != none ] ||
        give_up "$1: no Python.h, so python-pytun cannot be compiled; choose another PYTHON"
    install "${missing[@]}" $headers
}
