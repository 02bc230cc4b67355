#!/usr/bin/env bash
# Everything a bare Debian 12 needs to build Symphony Lab, run its experiments and its tests. Idempotent: installs only what is missing.
#
#   core/setup/debian.sh            install (as root, or through sudo)
#   core/setup/debian.sh --tests    and what only the tests need: Slurm, for sweeps on a cluster
#   core/setup/debian.sh --list     print the packages; after --tests, with those of the tests
set -euo pipefail

build=(cmake ninja-build g++ ccache git ca-certificates
       libtorch-dev libopenblas0-openmp libyaml-cpp-dev libboost-dev libboost-filesystem-dev libboost-program-options-dev
       libhdf5-dev catch2 libfmt-dev nlohmann-json3-dev libssl-dev zlib1g-dev libicu-dev)
[ "$(dpkg --print-architecture)" != amd64 ] || build+=(libdnnl-dev)  # Debian has oneDNN for no other
# The text that the experiments train on and are tested with.
text=(libboost1.74-dev bible-kjv bible-kjv-text metamath-databases dict-foldoc dict-wn libpython3.11-stdlib hol-light)
analysis=(python3 python3-h5py python3-h5netcdf python3-xarray python3-pandas python3-matplotlib python3-scipy python3-pytest hdf5-tools)

tests=(slurm-wlm munge)

packages=("${build[@]}" "${text[@]}" "${analysis[@]}")
if [ "${1:-}" = --tests ]; then
  packages+=("${tests[@]}")
  shift
fi
if [ "${1:-}" = --list ]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -qq
  as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
else
  echo "setup: all ${#packages[@]} packages are installed"
fi

# The pthread build of OpenBLAS runs its own thread pool against LibTorch's OpenMP pool and halves the speed of training.
arch=$(gcc -print-multiarch)
lib=/usr/lib/$arch
for name in libblas.so.3 liblapack.so.3 libopenblas.so.0; do
  target=$lib/openblas-openmp/$name
  [ -e "$target" ] || { echo "setup: $target is missing" >&2; exit 1; }
  if [ "$(readlink -f "$lib/$name")" != "$(readlink -f "$target")" ]; then
    echo "setup: selecting openblas-openmp for $name"
    as_root update-alternatives --quiet --set "$name-$arch" "$target"
  fi
done
