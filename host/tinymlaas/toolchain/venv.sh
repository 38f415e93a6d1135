#!/bin/sh
# Makes the Python environment .venv with every requirement pinned by hash; a no-op when nothing changed.
# Usage: venv.sh PYTHON   (run in the repository's root; called by `make deps`)
set -eu
python=$1
venv=.venv
inputs="requirements.txt requirements-service.txt requirements-dev.txt pyproject.toml host/tinymlaas/toolchain/venv.sh"

say() { echo "$*" >&2; }

mkdir -p build/locks build/logs
exec 9> build/locks/venv.lock
flock 9 # two `make` at once must not both install

key=$(cat $inputs | sha256sum | cut -d' ' -f1)-$(pwd | sha256sum | cut -c1-8)
if [ -x $venv/bin/tinymlaas ] && [ "$(cat $venv/.stamp 2>/dev/null)" = "$key" ]; then
    exit 0
fi

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "error: $python is $("$python" --version 2>&1), at least Python 3.11 is needed; say: make PYTHON=/path/to/python3.11 …"
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    say "installing python3-venv"
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        say "error: $python has no venv module; on Debian: sudo apt-get install python3-venv"
        exit 1
    fi
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y python3-venv; } \
        > build/logs/venv.log 2>&1 || { tail -n 40 build/logs/venv.log >&2; exit 1; }
fi

say "installing Python packages into $venv (a minute or two; log: build/logs/venv.log)"
[ -x $venv/bin/python ] || "$python" -m venv $venv
{
    $venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-service.txt -r requirements-dev.txt &&
    $venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
} > build/logs/venv.log 2>&1 || { tail -n 40 build/logs/venv.log >&2; say "error: see build/logs/venv.log"; exit 1; }
echo "$key" > $venv/.stamp
