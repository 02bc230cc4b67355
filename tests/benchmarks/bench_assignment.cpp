// Times solve_assignment on one saved matrix, for bench_assignment.py: bench_assignment N FILE, the file N x N float32 in row-major order.
// Prints CPU seconds, objective, dual gap, and the bytes by which solving raised the peak memory of the process.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

#include <fmt/format.h>
#include <torch/types.h>

#include "core/align/assignment.hpp"

namespace {

long peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t size = argc == 3 ? std::atoll(argv[1]) : 0;
  if (size < 1) {
    std::fputs("usage: bench_assignment N FILE\n", stderr);
    return 2;
  }
  const torch::Tensor costs = torch::empty({size, size}, torch::kFloat32);
  std::ifstream file(argv[2], std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(costs.data_ptr<float>()), size * size * 4)) {
    fmt::print(stderr, "cannot read {} entries from {}\n", size * size, argv[2]);
    return 3;
  }
  const long before = peak_bytes();
  const std::clock_t start = std::clock();
  const symphony::Assignment found = symphony::solve_assignment(costs);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  fmt::print("{:.6f} {:.17g} {:.3e} {}\n", seconds, found.objective, found.gap, peak_bytes() - before);
  return 0;
}
