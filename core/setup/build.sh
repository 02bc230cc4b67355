#!/usr/bin/env bash
# Installs what is missing, configures and builds a Release tree: the preset `release` in .build/release, or the one that is named.
# Used by quickstart.sh, tests/run.sh and torch2.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
preset=${1:-release}
core/setup/debian.sh
echo "build: configuring .build/$preset"
mkdir -p .build
cmake --preset "$preset" > ".build/configure_$preset.log" 2>&1 || { cat ".build/configure_$preset.log"; exit 1; }
grep LibTorch ".build/configure_$preset.log" || true
echo "build: compiling with two jobs (about ten minutes on two cores the first time)"
cmake --build --preset "$preset"
