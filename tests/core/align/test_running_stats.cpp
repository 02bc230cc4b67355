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

PairMoments streamed(const torch::Tensor& a, const torch::Tensor& b, std::int64_t chunk) {
  RunningPairMoments running;
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
