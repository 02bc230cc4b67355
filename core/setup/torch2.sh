#!/usr/bin/env bash
# Builds with a LibTorch of your own in .build/torch2, beside the one with Debian's in .build/release.
#
#   core/setup/torch2.sh                                 pip's torch, pinned below, in a virtual environment of its own (several GB)
#   SYMPHONY_TORCH_ROOT=DIR core/setup/torch2.sh         the one in DIR: the `torch` folder of a pip installation, or an unpacked archive
#
# The build with CUDA serves both: its CPU path needs no GPU. Any build since 2.6 has the string ABI that the rest of Debian has.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=2.15.0
venv=.build/venv_torch2
if [ -z "${SYMPHONY_TORCH_ROOT:-}" ]; then
  dpkg-query -W -f '${Status}' python3-venv 2>/dev/null | grep -q '^install ok' || { echo "torch2: install python3-venv first, or set SYMPHONY_TORCH_ROOT" >&2; exit 1; }
  [ -x $venv/bin/python ] || /usr/bin/python3 -m venv $venv
  $venv/bin/pip install --quiet "torch==$version"
  SYMPHONY_TORCH_ROOT=$($venv/bin/python -c 'import importlib.util; print(importlib.util.find_spec("torch").submodule_search_locations[0])')
fi
export SYMPHONY_TORCH_ROOT
echo "torch2: LibTorch at $SYMPHONY_TORCH_ROOT"
core/setup/build.sh torch2
