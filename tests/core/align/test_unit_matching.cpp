// Matching of units against exhaustive search.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <catch2/catch.hpp>

#include <torch/types.h>

#include "core/align/unit_matching.hpp"
#include "core/base/error.hpp"
#include "core/base/random.hpp"

using namespace symphony;

namespace {

torch::Tensor gauss(std::int64_t n, Random& random) {
  torch::Tensor values = torch::empty({n, n}, torch::kFloat32);
  random.fill_normal({values.data_ptr<float>(), static_cast<std::size_t>(n * n)}, 0, 1);
  return values.to(torch::kFloat64);
}

/// The best sum over all permutations that `allowed` accepts.
template <typename Worth, typename Allowed>
double best_sum(std::int64_t n, const Worth& worth, const Allowed& allowed) {
  std::vector<std::int64_t> perm(static_cast<std::size_t>(n));
  std::iota(perm.begin(), perm.end(), 0);
  double best = -1e300;
  do {
    if (allowed(perm)) best = std::max(best, worth(perm));
  } while (std::next_permutation(perm.begin(), perm.end()));
  return best;
}

}  // namespace

TEST_CASE("unit matching: signed matching is the best of all signed permutations", "[core][align]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    Random random(seed, "test");
    const torch::Tensor turned = gauss(5, random), fixed = gauss(5, random);
    const UnitMatch found = match_signed_units(turned, fixed);
    const double best = best_sum(5, [&](const auto& perm) {
      double sum = 0;
      for (std::int64_t slot = 0; slot < 5; ++slot) {
        const auto unit = perm[static_cast<std::size_t>(slot)];
        sum += std::max((fixed + turned)[slot][unit].template item<double>(), (fixed - turned)[slot][unit].template item<double>());
      }
      return sum;
    }, [](const auto&) { return true; });
    CHECK(found.similarity_after * 5 == Approx(best).epsilon(1e-6));
    CHECK((found.transform.dense() * turned).sum().item<double>() + (found.transform.dense().abs() * fixed).sum().item<double>() ==
          Approx(best).epsilon(1e-6));
    CHECK(found.similarity_before == Approx((fixed + turned).diagonal().mean().item<double>()));
    const UnitMatch from_worth = match_signed_worth(fixed + turned.abs(), [&](const std::vector<std::int64_t>& units) {
      return turned.gather(1, torch::tensor(units, torch::kInt64).unsqueeze(1)).squeeze(1);
    });
    CHECK(from_worth.transform.perm() == found.transform.perm());
    CHECK(from_worth.transform.sign() == found.transform.sign());
    CHECK(from_worth.similarity_before == Approx(found.similarity_before));
    CHECK(from_worth.similarity_after == Approx(found.similarity_after));
  }
}

TEST_CASE("unit matching: groups move whole and the two levels are exact", "[core][align]") {
  for (std::uint64_t seed = 0; seed < 15; ++seed) {
    CAPTURE(seed);
    Random random(seed, "test");
    const torch::Tensor units = gauss(6, random), groups = gauss(3, random);
    const std::vector<std::int64_t> perm = match_grouped_units(units, 2, groups).transform.perm();
    const auto worth = [&](const std::vector<std::int64_t>& candidate) {
      double sum = 0;
      for (std::int64_t slot = 0; slot < 6; ++slot) {
        const auto unit = candidate[static_cast<std::size_t>(slot)];
        sum += units[slot][unit].item<double>() + groups[slot / 2][unit / 2].item<double>() / 2;
      }
      return sum;
    };
    const auto whole = [](const std::vector<std::int64_t>& candidate) {
      return candidate[0] / 2 == candidate[1] / 2 && candidate[2] / 2 == candidate[3] / 2 && candidate[4] / 2 == candidate[5] / 2;
    };
    CHECK(whole(perm));
    CHECK(worth(perm) == Approx(best_sum(6, worth, whole)).epsilon(1e-6));
  }
}

TEST_CASE("unit matching: dead units pair with dead units, equal indices first", "[core][align]") {
  Random random(3, "test");
  torch::Tensor similarity = gauss(6, random).abs();
  for (const std::int64_t slot : {1, 4}) similarity[slot].zero_();
  for (const std::int64_t unit : {4, 5}) similarity.select(1, unit).zero_();
  UnitMatchOptions options;
  options.dead_anchor = torch::tensor({0, 1, 0, 0, 1, 0}).to(torch::kBool);
  options.dead_source = torch::tensor({0, 0, 0, 0, 1, 1}).to(torch::kBool);
  const UnitMatch found = match_signed_units(similarity, {}, options), without = match_signed_units(similarity, {});
  CHECK(found.transform.perm()[4] == 4);
  CHECK(found.transform.perm()[1] == 5);
  CHECK(found.dead == 2);
  CHECK(found.similarity_after == Approx(without.similarity_after).epsilon(1e-6));
  options.dead_source = torch::zeros({6}, torch::kBool);
  CHECK(match_signed_units(similarity, {}, options).dead == 0);
}

TEST_CASE("unit matching: the match of a sweep before changes the work of the next and nothing else", "[core][align]") {
  Random random(4, "sweeps");
  const torch::Tensor before = gauss(300, random), now = before + 0.005 * gauss(300, random);
  const UnitMatch earlier = match_signed_units(before, {}), cold = match_signed_units(now, {});
  UnitMatchOptions options;
  options.start = earlier.start;
  const UnitMatch warm = match_signed_units(now, {}, options), same = match_signed_units(before, {}, options);
  CHECK(warm.transform.perm() == cold.transform.perm());
  CHECK(warm.transform.sign() == cold.transform.sign());
  CHECK(warm.objective == cold.objective);
  CHECK(std::abs(warm.gap) < 1e-9);
  CHECK(warm.work.rows_read < cold.work.rows_read);
  CHECK(same.work.rows_read == 300);
  CHECK(same.transform.perm() == earlier.transform.perm());
  // Of another number of live units it is no start.
  options.dead_anchor = options.dead_source = torch::arange(300) == 7;
  CHECK(match_signed_units(now, {}, options).work.rows_read == match_signed_units(now, {}, {1, options.dead_anchor, options.dead_source}).work.rows_read);
}

TEST_CASE("unit matching: the margin is the distance to the best other unit", "[core][align]") {
  const UnitMatch found = match_units(torch::tensor({0.9, 0.1, 0.2, 0.6}, torch::kFloat64).reshape({2, 2}));
  CHECK(found.margin == Approx((0.8 + 0.4) / 2));
  CHECK(found.transform.is_identity());
  CHECK(found.objective == Approx(1.5));
  CHECK(match_units(torch::ones({1, 1})).margin == 0);
}

TEST_CASE("unit matching: similarities that are not square or not finite are refused", "[core][align]") {
  CHECK_THROWS_WITH(match_units(torch::zeros({2, 3})), "unit matching: similarities have 2 dimensions and 6 entries, expected a square matrix");
  CHECK_THROWS_AS(match_units(torch::full({2, 2}, NAN)), NumericError);
}
