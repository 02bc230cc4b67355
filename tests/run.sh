#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test. Arguments go to ctest: tests/run.sh -L unit
# With --torch2 first, builds and tests against a LibTorch 2.x: core/setup/torch2.sh says which.
set -euo pipefail
cd "$(dirname "$0")/.."
core/setup/debian.sh --tests
preset=release
if [ "${1:-}" = --torch2 ]; then
  preset=torch2
  shift
  core/setup/torch2.sh
else
  core/setup/build.sh
fi
echo "test: running ctest"
exec ctest --test-dir ".build/$preset" --output-on-failure "$@"
