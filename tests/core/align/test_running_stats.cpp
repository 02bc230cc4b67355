// Streaming moments against two-pass float64 moments of the whole data.
#include <catch2/catch.hpp>

#include <torch/types.h>

#include "core/align/running_stats.hpp"
#include "core/base/error.hpp"
#include "core/base/random.hpp"

using namespace symphony;

namespace {

torch::Tensor normal(std::int64_t tokens, std::int64_t features, Random& random) {
  torch::Tensor values = torch::empty({tokens, features}, torch::kFloat32);
  random.fill_normal({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, 0, 1);
  return values;
}

PairMoments whole(const torch::Tensor& values_a, const torch::Tensor& values_b) {
  const torch::Tensor a = values_a.to(torch::kFloat64), b = values_b.to(torch::kFloat64);
  const torch::Tensor a0 = a - a.mean(0), b0 = b - b.mean(0);
  const auto n = static_cast<double>(a.size(0));
  return {a.size(0), a.mean(0), b.mean(0), a0.square().mean(0), b0.square().mean(0), a0.t().mm(b0) / n};
}

PairMoments streamed(const torch::Tensor& a, const torch::Tensor& b, std::int64_t chunk, torch::ScalarType products = torch::kFloat32) {
  RunningPairMoments running(products);
  for (std::int64_t first = 0; first < a.size(0); first += chunk) {
    const std::int64_t size = std::min(chunk, a.size(0) - first);
    running.add(a.narrow(0, first, size), b.narrow(0, first, size));
  }
  return running.finish();
}

double distance(const torch::Tensor& a, const torch::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

}  // namespace

TEST_CASE("running moments: equal the two-pass moments for any chunking", "[core][align]") {
  for (const std::uint64_t seed : {1u, 2u}) {
    CAPTURE(seed);
    Random random(seed, "test");
    const torch::Tensor a = normal(10000, 6, random) + 3, b = 0.5 * a.narrow(1, 0, 4) + normal(10000, 4, random);
    const PairMoments expected = whole(a, b);
    for (const std::int64_t chunk : {7, 1000, 10000}) {
      CAPTURE(chunk);
      const PairMoments got = streamed(a, b, chunk);
      CHECK(got.count == 10000);
      // The pilot is subtracted in float32 and cross products are summed in float32 within a chunk.
      CHECK(distance(got.mean_a, expected.mean_a) < 1e-7);
      CHECK(distance(got.mean_b, expected.mean_b) < 1e-7);
      CHECK(distance(got.var_a, expected.var_a) < 1e-6);
      CHECK(distance(got.var_b, expected.var_b) < 1e-6);
      CHECK(distance(got.covariance, expected.covariance) < 1e-5);
    }
  }
}

TEST_CASE("running moments: bfloat16 products move the covariance alone, by far less than the values are rounded", "[core][align]") {
  for (const std::uint64_t seed : {5u, 6u}) {
    CAPTURE(seed);
    Random random(seed, "test");
    const torch::Tensor a = normal(40000, 6, random) + 3, b = 0.5 * a.narrow(1, 0, 4) + normal(40000, 4, random);
    const PairMoments exact = streamed(a, b, 3000), got = streamed(a, b, 3000, torch::kBFloat16);  // more tokens than are summed in float32
    CHECK(torch::equal(got.mean_a, exact.mean_a));
    CHECK(torch::equal(got.var_b, exact.var_b));
    CHECK(distance(got.covariance, exact.covariance) > 0);
    CHECK(distance(got.covariance, exact.covariance) < 1e-4);
    // Values are centred before they are rounded: a mean of 3000 costs nothing.
    CHECK(distance(streamed(a + 3000, b, 3000, torch::kBFloat16).covariance, exact.covariance) < 2e-4);
  }
}

TEST_CASE("running moments: values are rounded to the nearest bfloat16, ties to even", "[core][align]") {
  // With one pilot row of zeros, the covariance with 1 and -1 shows each rounded value.
  const torch::Tensor values = torch::tensor({1.00390625, 1.01171875, 1.005, -1.00390625, 3.0e-37}).to(torch::kFloat32);
  RunningPairMoments running(torch::kBFloat16);
  const torch::Tensor signs = torch::tensor({1.0F, -1.0F}).reshape({2, 1});
  running.add(values.unsqueeze(0) * signs, signs);
  CHECK(torch::equal(running.finish().covariance.squeeze(1).to(torch::kFloat32), values.to(torch::kBFloat16).to(torch::kFloat32)));
  CHECK_THROWS_WITH(RunningPairMoments(torch::kFloat16), "running moments: products in Half, expected float32 or bfloat16");
}

TEST_CASE("running moments: a small variance survives a large mean", "[core][align]") {
  Random random(3, "test");
  const torch::Tensor noise = normal(4000, 2, random);
  // 1000 is 2^10 of a unit of 2^-13: the values are exact multiples, so that the only loss could come from the sums.
  const torch::Tensor steps = (noise * 64).round() / 8192;
  const PairMoments got = streamed(steps + 1000, steps - 500, 500), expected = whole(steps, steps);
  CHECK(distance(got.var_a, expected.var_a) < 1e-6);
  CHECK(distance(got.covariance, expected.covariance) < 1e-5);
}

TEST_CASE("running moments: correlation is 1 with itself, -1 with its negative, 0 for dead units", "[core][align]") {
  Random random(4, "test");
  torch::Tensor a = normal(500, 5, random);
  a.select(1, 2).fill_(7);
  const PairMoments moments = streamed(a, -2 * a + 1, 100);
  const torch::Tensor pearson = correlation(moments);
  for (const std::int64_t unit : {0, 1, 3, 4}) CHECK(pearson[unit][unit].item<double>() == Approx(-1).margin(1e-6));
  CHECK(pearson.select(0, 2).abs().max().item<double>() == 0);
  CHECK(pearson.select(1, 2).abs().max().item<double>() == 0);
  CHECK(torch::equal(dead_units(moments.var_a), torch::tensor({0, 0, 1, 0, 0}).to(torch::kBool)));
  CHECK(pearson.dtype() == torch::kFloat64);
}

TEST_CASE("running moments: NaN, unequal tokens and changed widths are refused", "[core][align]") {
  RunningPairMoments running;
  CHECK_THROWS_WITH(running.finish(), "running moments: no token was added");
  torch::Tensor bad = torch::zeros({3, 2});
  bad[1][1] = INFINITY;
  CHECK_THROWS_WITH(running.add(torch::zeros({3, 2}), bad), "running moments: B holds a NaN or an infinity");
  CHECK_THROWS_WITH(running.add(torch::zeros({3, 2}), torch::zeros({4, 2})),
                    "running moments: A has 3 tokens, B has 4; they must be the same tokens");
  CHECK_THROWS_WITH(running.add(torch::zeros({3}), torch::zeros({3, 2})), "running moments: A has shape [3], expected [tokens, features]");
  running.add(torch::zeros({3, 2}), torch::zeros({3, 2}));
  CHECK_THROWS_WITH(running.add(torch::zeros({3, 1}), torch::zeros({3, 2})),
                    "running moments: got 1 and 2 features, the chunks before had 2 and 2");
}
