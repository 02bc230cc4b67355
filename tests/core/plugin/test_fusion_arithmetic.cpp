// Gram matrix and combination in pieces.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/plugin/fusion_arithmetic.hpp"

using namespace symphony;

namespace {
// More than one piece of 2^18 entries.
torch::Tensor large_tensor(const std::string& purpose) {
  torch::Tensor tensor = torch::empty({701, 400}, torch::kFloat32);
  Random(1, purpose).fill_normal({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}, 0.0, 1.0);
  return tensor;
}
}  // namespace

TEST_CASE("fusion arithmetic: the Gram matrix in pieces is the Gram matrix", "[core][plugin]") {
  const std::vector<TensorRows> sources{large_tensor("a"), large_tensor("b"), large_tensor("c").t().contiguous().view({701, 400})};
  std::vector<torch::Tensor> flat;
  for (const TensorRows& source : sources) flat.push_back(source.whole().reshape({-1}).to(torch::kFloat64));
  const torch::Tensor stacked = torch::stack(flat);
  CHECK(torch::allclose(gram_matrix(sources, {1, 1, 1}), stacked.matmul(stacked.t()), 1e-12, 1e-8));
}

TEST_CASE("fusion arithmetic: sources of weight 0 are not read", "[core][plugin]") {
  const std::vector<TensorRows> sources{torch::tensor({1.0f, 2.0f}), torch::full({2}, std::nanf(""))};
  CHECK(torch::equal(gram_matrix(sources, {1, 0}), torch::tensor({{5.0, 0.0}, {0.0, 0.0}}, torch::kFloat64)));
  CHECK(torch::equal(combine(sources, {2, 0}), torch::tensor({2.0f, 4.0f})));
}

TEST_CASE("fusion arithmetic: combination in pieces agrees with float64", "[core][plugin]") {
  const torch::Tensor a = large_tensor("a"), b = large_tensor("b");
  const torch::Tensor expected = (0.3 * a.to(torch::kFloat64) - 1.7 * b.to(torch::kFloat64)).to(torch::kFloat32);
  // A fused multiply-add may round the float64 sum otherwise, and with it the last bit of a float32.
  CHECK(torch::allclose(combine({a, b}, {0.3, -1.7}), expected, 1.3e-7, 0));
}

TEST_CASE("fusion arithmetic: sources made by rows give what sources in memory give", "[core][plugin]") {
  // 2500 x 2000 entries are more than one stretch of rows.
  const torch::Tensor long_a = torch::randn({2500, 2000}), long_b = torch::randn({2500, 2000});
  const auto by_rows = [](const torch::Tensor& tensor) {
    return TensorRows(tensor.sizes().vec(), tensor.scalar_type(), [tensor](const torch::Tensor& index) { return tensor.index_select(0, index); });
  };
  CHECK(torch::allclose(gram_matrix({by_rows(long_a), long_b}, {1, 1}), gram_matrix({long_a, long_b}, {1, 1}), 1e-13, 1e-8));
  CHECK(torch::equal(combine({by_rows(long_a), by_rows(long_b)}, {0.3, -1.7}), combine({long_a, long_b}, {0.3, -1.7})));
}

TEST_CASE("fusion arithmetic: coefficients that sum to one give equal sources back bit for bit", "[core][plugin]") {
  const torch::Tensor a = large_tensor("a");
  CHECK(torch::equal(combine({a, a, a}, {1.0 / 3, 1.0 / 3, 1.0 / 3}), a));
  CHECK(torch::equal(combine({a, a, a}, {0.1, 0.2, 0.7}), a));
}

TEST_CASE("fusion arithmetic: weights are checked and normalised", "[core][plugin]") {
  CHECK(normalised_weights({1, 3}, 2, "fusion.x") == std::vector<double>{0.25, 0.75});
  CHECK(normalised_weights({}, 4, "fusion.x") == std::vector<double>(4, 0.25));
  CHECK_THROWS_WITH(normalised_weights({1, -1}, 2, "fusion.x"), Catch::Contains("fusion.x: the weights sum to 0"));
  CHECK_THROWS_AS(check_weights({1}, {"a", "b"}, "fusion.x"), ConfigError);
}
