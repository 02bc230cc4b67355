// The assignment solver against brute force, against scipy's objectives, and against its own certificate.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include <catch2/catch.hpp>

#include <torch/types.h>

#include "core/align/assignment.hpp"
#include "core/base/error.hpp"
#include "core/base/random.hpp"

using namespace symphony;

namespace {

torch::Tensor from_values(const std::vector<float>& values) {
  const auto n = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(values.size()))));
  return torch::tensor(values, torch::kFloat32).reshape({n, n});
}

/// Whole numbers below `levels`, so that sums are exact and ties are many.
torch::Tensor whole_numbers(std::int64_t n, std::uint64_t levels, Random& random) {
  std::vector<float> values;
  for (std::int64_t entry = 0; entry < n * n; ++entry) values.push_back(static_cast<float>(random.below(levels)));
  return from_values(values);
}

torch::Tensor gauss(std::int64_t n, Random& random) {
  torch::Tensor costs = torch::empty({n, n}, torch::kFloat32);
  random.fill_normal({costs.data_ptr<float>(), static_cast<std::size_t>(n * n)}, 0, 1);
  return costs;
}

/// The lexicographically first of the best permutations, by trying all in lexicographic order.
Assignment brute_force(const torch::Tensor& costs, bool maximise) {
  const auto entries = costs.accessor<float, 2>();
  std::vector<std::int64_t> perm(static_cast<std::size_t>(costs.size(0)));
  std::iota(perm.begin(), perm.end(), 0);
  Assignment best;
  do {
    double sum = 0;
    for (std::size_t row = 0; row < perm.size(); ++row) sum += entries[static_cast<std::int64_t>(row)][perm[row]];
    if (best.columns.empty() || (maximise ? sum > best.objective : sum < best.objective)) best.columns = perm, best.objective = sum;
  } while (std::next_permutation(perm.begin(), perm.end()));
  return best;
}

bool is_permutation_of_columns(std::vector<std::int64_t> columns) {
  std::sort(columns.begin(), columns.end());
  for (std::size_t row = 0; row < columns.size(); ++row)
    if (columns[row] != static_cast<std::int64_t>(row)) return false;
  return true;
}

std::vector<std::int64_t> identity(std::int64_t n) {
  std::vector<std::int64_t> columns(static_cast<std::size_t>(n));
  std::iota(columns.begin(), columns.end(), 0);
  return columns;
}

/// The generator of tests/reference/assignment_golden.py.
std::vector<float> golden_draws(std::size_t count, std::uint32_t seed) {
  std::vector<float> values;
  for (std::uint32_t state = seed; values.size() < count;) {
    state = state * 1664525u + 1013904223u;
    values.push_back(static_cast<float>(state >> 8) / 16777216.0f);
  }
  return values;
}

torch::Tensor golden_matrix(const std::string& kind, std::int64_t n, std::uint32_t seed) {
  if (kind == "product") {
    const torch::Tensor values = torch::tensor(golden_draws(static_cast<std::size_t>(2 * n), seed));
    return values.narrow(0, 0, n).outer(values.narrow(0, n, n));
  }
  const torch::Tensor costs = torch::tensor(golden_draws(static_cast<std::size_t>(n * n), seed)).reshape({n, n});
  return kind == "ties" ? (costs * 16).floor() / 16 : costs;
}

}  // namespace

TEST_CASE("assignment: ties resolve to the lowest column, as brute force finds it", "[core][align]") {
  for (std::int64_t n = 1; n <= 6; ++n)
    for (const std::uint64_t levels : {2u, 3u, 10u})
      for (std::uint64_t seed = 0; seed < 150; ++seed) {
        CAPTURE(n, levels, seed);
        Random random(seed * 100 + levels, "ties");
        const torch::Tensor costs = whole_numbers(n, levels, random);
        const bool maximise = seed % 2 == 1;
        const Assignment expected = brute_force(costs, maximise), got = solve_assignment(costs, {maximise, {}});
        REQUIRE(got.objective == expected.objective);
        REQUIRE(got.columns == expected.columns);
      }
}

TEST_CASE("assignment: equals brute force on real-valued costs", "[core][align]") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    Random random(seed, "gauss");
    const torch::Tensor costs = gauss(7, random);
    REQUIRE(solve_assignment(costs).columns == brute_force(costs, false).columns);
  }
}

TEST_CASE("assignment: objectives equal scipy's", "[core][align]") {
  std::ifstream golden(SYMPHONY_SOURCE_DIR "/tests/reference/assignment_golden.txt");
  std::string kind;
  std::int64_t n = 0;
  std::uint32_t seed = 0;
  double objective = 0;
  int compared = 0;
  while (golden >> kind >> n >> seed >> objective) {
    CAPTURE(kind, n, seed);
    const Assignment got = solve_assignment(golden_matrix(kind, n, seed));
    CHECK(is_permutation_of_columns(got.columns));
    CHECK(got.objective == Approx(objective).epsilon(1e-12).margin(1e-12));
    CHECK(std::abs(got.gap) <= 1e-10 * static_cast<double>(n));
    ++compared;
  }
  CHECK(compared == 24);
}

TEST_CASE("assignment: the dual bound from the returned prices meets the objective", "[core][align]") {
  for (const std::int64_t n : {40, 400}) {
    Random random(static_cast<std::uint64_t>(n), "dual");
    const torch::Tensor costs = gauss(n, random);
    const Assignment got = solve_assignment(costs);
    const torch::Tensor prices = torch::tensor(got.prices, torch::kFloat64);
    const torch::Tensor rows = std::get<0>((costs.to(torch::kFloat64) - prices).min(1));
    CHECK((rows.sum() + prices.sum()).item<double>() == Approx(got.objective).epsilon(1e-10));
  }
}

TEST_CASE("assignment: a constant matrix gives the identity at any size", "[core][align]") {
  for (const std::int64_t n : {1, 5, 255, 256, 600})
    for (const double value : {0.0, -3.5})
      CHECK(solve_assignment(torch::full({n, n}, value, torch::kFloat32)).columns == identity(n));
}

TEST_CASE("assignment: large ties resolve lexicographically whatever the start", "[core][align]") {
  Random random(5, "blocks");
  // Dead rows and columns as correlations have them: zero throughout, every pairing of them equally good.
  torch::Tensor costs = -gauss(300, random).abs();
  costs.narrow(0, 100, 40).zero_();
  costs.narrow(1, 200, 40).zero_();
  const Assignment cold = solve_assignment(costs);
  std::vector<std::int64_t> dead(cold.columns.begin() + 100, cold.columns.begin() + 140);
  CHECK(std::is_sorted(dead.begin(), dead.end()));
  CHECK(dead.front() == 200);
  AssignmentStart any;
  for (std::int64_t column = 0; column < 300; ++column) any.prices.push_back(random.normal());
  CHECK(solve_assignment(costs, {false, any}).columns == cold.columns);
  any.columns = random.permutation(300);
  CHECK(solve_assignment(costs, {false, any}).columns == cold.columns);
}

TEST_CASE("assignment: a planted permutation is found and maximising is minimising the negative", "[core][align]") {
  Random random(6, "planted");
  const auto perm = random.permutation(512);
  torch::Tensor similarity = gauss(512, random) * 0.05;
  for (std::int64_t row = 0; row < 512; ++row) similarity[row][perm[static_cast<std::size_t>(row)]] += 0.5;
  const Assignment most = solve_assignment(similarity, {true, {}}), least = solve_assignment(-similarity);
  CHECK(most.columns == perm);
  CHECK(least.columns == perm);
  CHECK(most.objective == -least.objective);
}

TEST_CASE("assignment: a warm start agrees with a cold one in columns, objective and certificate, and costs less", "[core][align]") {
  for (const std::int64_t n : {60, 300, 700}) {
    CAPTURE(n);
    Random random(static_cast<std::uint64_t>(n), "warm");
    const torch::Tensor costs = gauss(n, random), nearby = costs + 0.005 * gauss(n, random);
    const Assignment earlier = solve_assignment(costs), cold = solve_assignment(nearby);
    for (const AssignmentStart& start : {earlier.start(), AssignmentStart{earlier.prices, {}}, cold.start()}) {
      const Assignment warm = solve_assignment(nearby, {false, start});
      CHECK(warm.columns == cold.columns);
      CHECK(warm.objective == cold.objective);
      CHECK(std::abs(warm.gap) <= 1e-10 * static_cast<double>(n));
    }
    // The problem that it was taken from: one look at every row, and nothing to mend.
    const Assignment again = solve_assignment(nearby, {false, cold.start()});
    CHECK(again.work.rows_read == n);
    CHECK(again.work.bids == 0);
    CHECK(again.work.augmentations == 0);
    CHECK(cold.work.rows_read > n);
    if (n >= 300) CHECK(solve_assignment(nearby, {false, earlier.start()}).work.bids < cold.work.bids);
  }
}

TEST_CASE("assignment: what an earlier problem left is no bias, however far that problem was", "[core][align]") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    Random random(seed, "far");
    const std::int64_t n = seed % 2 ? 7 : 290;
    const torch::Tensor costs = whole_numbers(n, n == 7 ? 3 : 40, random), other = gauss(n, random) * (seed % 3 ? 1.0 : 1e6);
    REQUIRE(solve_assignment(costs, {false, solve_assignment(other).start()}).columns == solve_assignment(costs).columns);
  }
}

TEST_CASE("assignment: a start of another size is refused", "[core][align]") {
  const torch::Tensor costs = torch::zeros({3, 3});
  CHECK_THROWS_WITH(solve_assignment(costs, {false, {{1.0}, {}}}), "assignment: got 1 prices for 3 columns");
  CHECK_THROWS_WITH(solve_assignment(costs, {false, {{}, {0, 1, 2}}}), "assignment: a start of 3 columns and 0 prices, expected 3 of both");
  CHECK_THROWS_WITH(solve_assignment(costs, {false, {{0, 0, 0}, {0, 1, 3}}}), "assignment: a start with column 3 of 3");
  CHECK_THROWS_WITH(solve_assignment(costs, {false, {{0, 0, NAN}, {}}}), "assignment: a price to start from is no finite float32 number");
}

TEST_CASE("assignment: transposed costs give the inverse permutation", "[core][align]") {
  Random random(8, "transpose");
  const torch::Tensor costs = gauss(280, random);
  const Assignment forward = solve_assignment(costs), backward = solve_assignment(costs.t());
  for (std::size_t row = 0; row < 280; ++row) REQUIRE(backward.columns[static_cast<std::size_t>(forward.columns[row])] == static_cast<std::int64_t>(row));
}

TEST_CASE("assignment: extreme magnitudes stay exact", "[core][align]") {
  Random random(9, "scale");
  const torch::Tensor costs = gauss(300, random);
  const auto columns = solve_assignment(costs).columns;
  // Powers of two scale every operation exactly.
  CHECK(solve_assignment(costs * std::ldexp(1.0f, 60)).columns == columns);
  CHECK(solve_assignment(costs * std::ldexp(1.0f, -60)).columns == columns);
  CHECK(is_permutation_of_columns(solve_assignment(costs + 1000).columns));
}

TEST_CASE("assignment: what is no square matrix of numbers is refused", "[core][align]") {
  CHECK_THROWS_WITH(solve_assignment(torch::zeros({3, 4})), "assignment: costs have shape [3, 4], expected a square matrix");
  torch::Tensor costs = torch::zeros({3, 3});
  costs[1][2] = NAN;
  CHECK_THROWS_WITH(solve_assignment(costs), "assignment: entry [1, 2] is nan, expected finite costs");
  costs[1][2] = -INFINITY;
  CHECK_THROWS_WITH(solve_assignment(costs), "assignment: entry [1, 2] is -inf, expected finite costs");
  CHECK(solve_assignment(torch::zeros({0, 0})).columns.empty());
  CHECK(solve_assignment(torch::ones({2, 2}, torch::kFloat64)).columns == identity(2));
}
