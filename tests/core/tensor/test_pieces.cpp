// Sums in pieces, against LibTorch's own in float64.
#include <limits>

#include <ATen/Parallel.h>
#include <catch2/catch.hpp>

#include "core/base/random.hpp"
#include "core/tensor/pieces.hpp"

using namespace symphony;

namespace {

/// More than one task of 2^18 entries, and a piece that is not full.
constexpr std::int64_t kRows = 1031, kColumns = 701;

torch::Tensor random_tensor(const std::string& purpose, torch::ScalarType dtype = torch::kFloat32) {
  torch::Tensor tensor = torch::empty({kRows, kColumns}, torch::kFloat32);
  Random(1, purpose).fill_normal({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}, 0.0, 1.0);
  return tensor.to(dtype);
}

torch::Tensor wide(const torch::Tensor& tensor) { return tensor.to(torch::kFloat64).flatten(); }

}  // namespace

TEST_CASE("pieces: inner products and sums are those of float64, whatever the types", "[core][tensor]") {
  for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
    CAPTURE(dtype);
    const torch::Tensor a = random_tensor("a", dtype), b = random_tensor("b"), transposed = random_tensor("c", dtype).t().contiguous().t();
    const torch::Tensor stacked = torch::stack({wide(a), wide(b), wide(transposed)});
    CHECK(torch::allclose(inner_products({a, b, transposed}), stacked.matmul(stacked.t()), 1e-12, 1e-8));
    const torch::Tensor expected = 0.3 * a.to(torch::kFloat64) - 1.7 * b.to(torch::kFloat64);
    // A fused multiply-add may round the float64 sum otherwise, and with it the last bit of a float32.
    CHECK(torch::allclose(weighted_sum({a, b, transposed}, {0.3, -1.7, 0.0}), expected.to(torch::kFloat32), 1.3e-7, 0));
    CHECK(squared_distance(a, transposed) == Approx((wide(a) - wide(transposed)).square().sum().item<double>()).epsilon(1e-12));
  }
}

TEST_CASE("pieces: results do not depend on the number of threads", "[core][tensor]") {
  const torch::Tensor a = random_tensor("a"), b = random_tensor("b", torch::kBFloat16);
  const int before = at::get_num_threads();
  std::vector<torch::Tensor> products, sums;
  std::vector<double> distances;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    products.push_back(inner_products({a, b}));
    sums.push_back(weighted_sum({a, b}, {0.3, 0.7}));
    distances.push_back(squared_distance(a, b));
  }
  at::set_num_threads(before);
  for (std::size_t other : {1u, 2u}) {
    CHECK(torch::equal(products[other], products[0]));
    CHECK(torch::equal(sums[other], sums[0]));
    CHECK(distances[other] == distances[0]);
  }
}

TEST_CASE("pieces: undefined tensors count as zero, and no coefficient reads nothing", "[core][tensor]") {
  const torch::Tensor a = torch::tensor({1.0f, 2.0f}), nan = torch::full({2}, std::nanf(""));
  CHECK(torch::equal(inner_products({torch::Tensor{}, a}), torch::tensor({{0.0, 0.0}, {0.0, 5.0}}, torch::kFloat64)));
  CHECK(torch::equal(weighted_sum({nan, a}, {0.0, 2.0}), torch::tensor({2.0f, 4.0f})));
  CHECK(torch::equal(weighted_sum({nan}, {0.0}), torch::zeros({2})));
  CHECK(inner_products({torch::empty({0, 4})}).item<double>() == 0.0);
}

TEST_CASE("pieces: one NaN or infinity anywhere is found", "[core][tensor]") {
  for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
    CAPTURE(dtype);
    const torch::Tensor good = random_tensor("a", dtype);
    CHECK(all_finite(good));
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
      for (const std::int64_t place : {std::int64_t{0}, std::int64_t{300000}, kRows * kColumns - 1}) {
        torch::Tensor tensor = good.clone();
        tensor.view({-1})[place] = bad;
        CHECK_FALSE(all_finite(tensor));
      }
  }
}
