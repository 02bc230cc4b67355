// Plans against their marginals, against exact assignments, and against what must not matter.
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include <torch/types.h>

#include "core/align/assignment.hpp"
#include "core/align/sinkhorn.hpp"
#include "core/base/error.hpp"
#include "core/base/random.hpp"

using namespace symphony;

namespace {

/// Uniform in 0..1.
torch::Tensor random_costs(std::int64_t n, std::uint64_t seed) {
  Random random(seed, "costs");
  torch::Tensor costs = torch::empty({n, n}, torch::kFloat64);
  for (std::int64_t entry = 0; entry < n * n; ++entry) costs.data_ptr<double>()[entry] = static_cast<double>(random.below(1u << 24)) / (1u << 24);
  return costs;
}

double largest(const torch::Tensor& values) { return values.abs().max().item<double>(); }

}  // namespace

TEST_CASE("optimal transport: rows of a plan sum to 1, columns within the tolerance, and no share is negative", "[core][align]") {
  for (const std::int64_t n : {1, 7, 300}) {
    for (const double tolerance : {1e-2, 1e-5}) {
      CAPTURE(n, tolerance);
      const TransportPlan plan = solve_transport(random_costs(n, 1), {.tolerance = tolerance, .max_iterations = 20000});
      CHECK(largest(plan.shares_nn.sum(1) - 1) < 1e-12);
      CHECK(largest(plan.shares_nn.sum(0) - 1) <= tolerance * 1.001 + 1e-12);
      CHECK(plan.violation <= tolerance);
      CHECK(plan.shares_nn.min().item<double>() >= 0);
      CHECK(plan.units_per_slot >= 1 - 1e-12);
      CHECK(plan.units_per_slot <= static_cast<double>(n) + 1e-9);
    }
  }
}

TEST_CASE("optimal transport: two slots and two units give the plan by hand", "[core][align]") {
  // With costs 0 and 1 the plan is [[p, 1-p], [1-p, p]], p = 1 / (1 + exp(-1 / eps)); the median is 0, so that eps is in units of the largest cost.
  const torch::Tensor costs = torch::tensor({0.0, 1.0, 1.0, 0.0}, torch::kFloat64).reshape({2, 2});
  const TransportPlan plan = solve_transport(costs, {.regularisation = 0.5, .tolerance = 1e-9});
  const double p = 1 / (1 + std::exp(-2.0));
  CHECK(plan.shares_nn[0][0].item<double>() == Approx(p).epsilon(1e-9));
  CHECK(plan.shares_nn[1][0].item<double>() == Approx(1 - p).epsilon(1e-9));
  CHECK(plan.mean_cost == Approx(1 - p).epsilon(1e-9));
  CHECK(plan.units_per_slot == Approx(std::exp(-p * std::log(p) - (1 - p) * std::log(1 - p))).epsilon(1e-9));
}

TEST_CASE("optimal transport: the cost of a plan is within eps log n of the exact assignment's", "[core][align]") {
  constexpr double kTolerance = 5e-3;  // moves at most that share of the mass, by costs of at most 1
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    const auto n = static_cast<std::int64_t>(2 + 2 * seed);
    for (const double regularisation : {1.0, 0.1, 0.03}) {
      CAPTURE(seed, n, regularisation);
      const torch::Tensor costs = random_costs(n, seed);
      const double exact = solve_assignment(costs).objective / static_cast<double>(n), median = costs.median().item<double>();
      const TransportPlan plan = solve_transport(costs, {.regularisation = regularisation, .tolerance = kTolerance, .max_iterations = 20000});
      CHECK(plan.mean_cost <= exact + regularisation * median * std::log(static_cast<double>(n)) + kTolerance);
      CHECK(plan.mean_cost >= exact - kTolerance);
    }
  }
}

TEST_CASE("optimal transport: a small regularisation gives the permutation of the exact assignment", "[core][align]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    CAPTURE(seed);
    // A planted permutation that is better than any other by at least 0.2 a pair.
    const std::int64_t n = 12;
    torch::Tensor costs = 0.3 + random_costs(n, seed);
    const auto planted = Random(seed, "planted").permutation(n);
    for (std::int64_t row = 0; row < n; ++row) costs[row][planted[static_cast<std::size_t>(row)]] = 0.1;
    const auto columns = solve_assignment(costs).columns;
    REQUIRE(columns == planted);
    torch::Tensor permutation = torch::zeros({n, n}, torch::kFloat64);
    for (std::int64_t row = 0; row < n; ++row) permutation[row][columns[static_cast<std::size_t>(row)]] = 1;
    const TransportPlan plan = solve_transport(costs, {.regularisation = 0.01, .tolerance = 1e-4});
    CHECK(largest(plan.shares_nn - permutation) < 1e-4);
    CHECK(plan.units_per_slot == Approx(1).margin(1e-3));
  }
}

TEST_CASE("optimal transport: renumbering slots and units renumbers the plan, and turning the costs turns it", "[core][align]") {
  Random random(3, "order");
  const std::int64_t n = 40;
  const TransportOptions options{.tolerance = 1e-10, .max_iterations = 20000};
  const torch::Tensor costs = random_costs(n, 3), slots = torch::tensor(random.permutation(n)), units = torch::tensor(random.permutation(n));
  const torch::Tensor plan = solve_transport(costs, options).shares_nn;
  const torch::Tensor renumbered = solve_transport(costs.index_select(0, slots).index_select(1, units), options).shares_nn;
  CHECK(largest(renumbered - plan.index_select(0, slots).index_select(1, units)) < 1e-12);
  CHECK(largest(solve_transport(costs.t(), options).shares_nn - plan.t()) < 1e-8);
}

TEST_CASE("optimal transport: a constant cost gives the uniform plan, at any level", "[core][align]") {
  for (const double level : {0.0, 1e-300, 1.0, 1e300}) {
    CAPTURE(level);
    const TransportPlan plan = solve_transport(torch::full({5, 5}, level, torch::kFloat64));
    CHECK(largest(plan.shares_nn - 0.2) < 1e-12);
    CHECK(plan.units_per_slot == Approx(5));
    CHECK(plan.violation < 1e-12);
  }
}

TEST_CASE("optimal transport: the scale of the costs does not matter, and huge or tiny ones do not overflow", "[core][align]") {
  const torch::Tensor costs = random_costs(20, 4), plan = solve_transport(costs).shares_nn;
  for (const double scale : {1e-300, 1e-20, 1e20, 1e300}) {
    CAPTURE(scale);
    CHECK(largest(solve_transport(costs * scale).shares_nn - plan) < 1e-9);
  }
  // One cost far above the others is never paid.
  torch::Tensor spread = costs.clone();
  spread[2][3] = 1e12;
  const torch::Tensor shares = solve_transport(spread).shares_nn;
  CHECK(shares.isfinite().all().item<bool>());
  CHECK(shares[2][3].item<double>() == 0);
}

TEST_CASE("optimal transport: the same costs give the same plan, bit for bit", "[core][align]") {
  const torch::Tensor costs = random_costs(300, 5);
  const TransportPlan first = solve_transport(costs), second = solve_transport(costs.clone());
  CHECK(torch::equal(first.shares_nn, second.shares_nn));
  CHECK(first.iterations == second.iterations);
}

TEST_CASE("optimal transport: costs that are none, and a plan that was not reached, are refused with their values", "[core][align]") {
  CHECK_THROWS_WITH(solve_transport(torch::zeros({2, 3})), "optimal transport: costs have 2 dimensions and 6 entries, expected a square matrix");
  CHECK_THROWS_WITH(solve_transport(torch::tensor({0.0, 1.0, -0.5, 1.0}).reshape({2, 2})),
                    "optimal transport: costs lie between -0.5 and 1, expected finite numbers of at least 0");
  for (const double value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    torch::Tensor costs = random_costs(4, 6);
    costs[1][2] = value;
    CHECK_THROWS_WITH(solve_transport(costs), Catch::Contains("expected finite numbers of at least 0"));
  }
  CHECK_THROWS_WITH(solve_transport(random_costs(30, 7), {.regularisation = 0.01, .tolerance = 1e-9, .max_iterations = 3}),
                    Catch::Contains("optimal transport: after 3 iterations of 30 slots") && Catch::Contains("sums to 1 only within ") &&
                        Catch::Contains("allow more iterations or a larger regularisation"));
  CHECK_THROWS_WITH(solve_transport(random_costs(4, 8), {.regularisation = 0}), Catch::Contains("regularisation 0, tolerance 0.001 and 1000 iterations, expected more than 0 of each"));
}
