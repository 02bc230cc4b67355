// LibTorch's threads and version beside what the log room knows of the machine.
#include "core/pipeline/environment.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/csrc/api/include/torch/version.h>

namespace symphony {

void set_threads(std::int64_t threads) { at::set_num_threads(static_cast<int>(threads)); }

std::string missing_in_program(const std::string& device) {
  if (device == "cpu" || at::globalContext().hasCUDART()) return "";
  return fmt::format("this program's LibTorch {} was built without CUDA; README.md, \"Another LibTorch\", says how to build with one that has it", TORCH_VERSION);
}

std::string missing_on_machine(const std::string& device) {
  if (const std::string missing = missing_in_program(device); !missing.empty()) return missing;
  return device == "cpu" || at::globalContext().hasCUDA() ? "" : "this machine has no CUDA device that LibTorch can use";
}

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
