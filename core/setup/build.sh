#!/usr/bin/env bash
# Installs what is missing, configures and builds the Release tree in .build/release. Used by quickstart.sh and tests/run.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
core/setup/debian.sh
echo "build: configuring .build/release"
mkdir -p .build
cmake --preset release > .build/configure.log 2>&1 || { cat .build/configure.log; exit 1; }
echo "build: compiling with two jobs (about ten minutes on two cores the first time)"
cmake --build --preset release
