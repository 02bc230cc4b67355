// The covariance pass of activation matching beside a bare product of the same shape and type: bench_covariance [FEATURES [TOKENS [REPEATS]]].
// Prints CPU seconds of RunningPairMoments::add and of A^T B, best of the repeats, and their ratio (1 = no cost beyond the product), for products of float32 and
// of bfloat16 summed in float32.
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/types.h>

#include "core/align/running_stats.hpp"
#include "core/tensor/bfloat16_product.hpp"

namespace {

template <class Function>
double best_seconds(int repeats, const Function& function) {
  double best = 1e300;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const std::clock_t start = std::clock();
    function();
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int index, long fallback) { return argc > index ? std::atol(argv[index]) : fallback; };
  const long features = argument(1, 4864), tokens = argument(2, 8192), repeats = argument(3, 3);
  if (features < 1 || tokens < 1 || repeats < 1) {
    std::fputs("usage: bench_covariance [FEATURES [TOKENS [REPEATS]]]\n", stderr);
    return 2;
  }
  at::set_num_threads(1);
  const torch::Tensor a_TF = torch::randn({tokens, features}), b_TF = torch::randn({tokens, features});
  const double flops = 2.0 * static_cast<double>(features * features) * static_cast<double>(tokens);
  fmt::print("features {} tokens {}, one thread, matrix unit for bfloat16: {}\n", features, tokens, symphony::has_bfloat16_unit() ? "yes" : "no");
  const auto compare = [&](const char* name, torch::ScalarType products, const auto& product) {
    const double bare = best_seconds(static_cast<int>(repeats), product);
    symphony::RunningPairMoments moments(products);
    moments.add(a_TF.narrow(0, 0, 1), b_TF.narrow(0, 0, 1));  // the accumulators are allocated once a layer
    const double pass = best_seconds(static_cast<int>(repeats), [&] { moments.add(a_TF, b_TF); });
    fmt::print("{:9} product {:.3f} s ({:.0f} GFLOP/s), covariance pass {:.3f} s, {:.2f} of the product's rate\n", name, bare, flops / bare * 1e-9, pass,
               bare / pass);
  };
  compare("float32", torch::kFloat32, [&] { return a_TF.t().mm(b_TF); });
  const torch::Tensor half_a_TF = a_TF.to(torch::kBFloat16), half_b_TF = b_TF.to(torch::kBFloat16);
  torch::Tensor sum_FF = torch::zeros({features, features});
  compare("bfloat16", torch::kBFloat16, [&] { symphony::add_bfloat16_product(sum_FF, half_a_TF, half_b_TF); });
  return 0;
}
