// LibTorch's threads and version beside what the log room knows of the machine.
#include "core/pipeline/environment.hpp"

#include <ATen/Parallel.h>
#include <torch/csrc/api/include/torch/version.h>

namespace symphony {

void set_threads(std::int64_t threads) { at::set_num_threads(static_cast<int>(threads)); }

Provenance collect_provenance(std::int64_t threads) {
  Provenance provenance;
  provenance.environment = collect_environment();
  provenance.environment.libraries.emplace_back("libtorch", TORCH_VERSION);
  provenance.threads = threads;
  provenance.start_time = utc_now();
  return provenance;
}

std::string blas_warning(std::int64_t threads) {
  constexpr std::int64_t kPthreads = 1;
  if (threads < 2 || collect_environment().blas_parallel != kPthreads) return "";
  return "the pthread build of OpenBLAS fights LibTorch's threads and halves the speed; core/setup/debian.sh selects the OpenMP build";
}

}  // namespace symphony
