// Products of bfloat16 matrices with float32 sums, with the matrix unit and without, against float64.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/tensor/bfloat16_product.hpp"

using namespace symphony;

namespace {

torch::Tensor normal(std::int64_t rows, std::int64_t columns, Random& random) {
  torch::Tensor values = torch::empty({rows, columns}, torch::kFloat32);
  random.fill_normal({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, 0, 1);
  return values.to(torch::kBFloat16);
}

}  // namespace

TEST_CASE("bfloat16 product: equals the float64 product of the same numbers, with the unit and without", "[core][tensor]") {
  Random random(5, "test");
  for (const auto& [tokens, rows, columns] : {std::array{1, 1, 1}, std::array{37, 5, 130}, std::array{2500, 96, 70}}) {
    CAPTURE(tokens, rows, columns);
    const torch::Tensor a = normal(tokens, rows, random), b = normal(tokens, columns, random);
    const torch::Tensor expected = a.to(torch::kFloat64).t().mm(b.to(torch::kFloat64)) + 3;
    for (const bool on_unit : {false, has_bfloat16_unit()}) {
      CAPTURE(on_unit);
      torch::Tensor sum = torch::full({rows, columns}, 3.0F);
      add_bfloat16_product(sum, a, b, on_unit);
      // A result rounded to bfloat16 would be off by some 1e-3.
      CHECK(((sum.to(torch::kFloat64) - expected).norm() / expected.norm()).item<double>() < 1e-6);
    }
  }
}

TEST_CASE("bfloat16 product: other types, shapes and strides are refused", "[core][tensor]") {
  torch::Tensor sum = torch::zeros({2, 3});
  const torch::Tensor a = torch::zeros({4, 2}, torch::kBFloat16), b = torch::zeros({4, 3}, torch::kBFloat16);
  CHECK_NOTHROW(add_bfloat16_product(sum, a, b));
  CHECK_THROWS_WITH(add_bfloat16_product(sum, a.to(torch::kFloat32), b),
                    "bfloat16 product: got Float [4, 2] and BFloat16 [4, 3] for a sum Float [2, 3], expected contiguous bfloat16 [T, A] and [T, B] for "
                    "float32 [A, B]");
  CHECK_THROWS_AS(add_bfloat16_product(sum, b, a), NumericError);
  CHECK_THROWS_AS(add_bfloat16_product(sum, a.narrow(0, 0, 3), b), NumericError);
  CHECK_THROWS_AS(add_bfloat16_product(sum, torch::zeros({2, 4}, torch::kBFloat16).t(), b), NumericError);
}
