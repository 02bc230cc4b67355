#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test. Arguments go to ctest: tests/run.sh -L unit
set -euo pipefail
cd "$(dirname "$0")/.."
core/setup/debian.sh --tests
core/setup/build.sh
echo "test: running ctest"
exec ctest --test-dir .build/release --output-on-failure "$@"
