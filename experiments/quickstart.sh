#!/usr/bin/env bash
# From a bare Debian 12 to the first result: installs what is needed, builds, and runs the alignment ablation on real text.
# Arguments go to the runner: experiments/quickstart.sh --profile full
set -euo pipefail
cd "$(dirname "$0")/.."
core/setup/build.sh
echo "run: runner --exp ablations/alignment.yaml $*"
exec .build/release/bin/runner --exp ablations/alignment.yaml "$@"
