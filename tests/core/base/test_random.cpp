// Philox against the known-answer vectors of the Random123 distribution, and the laws of what is drawn from it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.hpp"
#include "core/base/random.hpp"

using namespace symphony;

namespace {
using Block = std::array<std::uint32_t, 4>;
}

TEST_CASE("random: known-answer vectors of Philox4x32-10", "[core][base]") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t kOnes = 0xffffffff;
  CHECK(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random: equal seed and purpose repeat, either changed differs", "[core][base]") {
  const auto first = [](std::uint64_t seed, const char* purpose) { return Random(seed, purpose).next_u64(); };
  CHECK(first(7, "init") == first(7, "init"));
  CHECK(first(7, "init") != first(8, "init"));
  CHECK(first(7, "init") != first(7, "data"));
  CHECK(first(7, "init") != first(7 + (std::uint64_t{1} << 32), "init"));
}

TEST_CASE("random: seeking to a position continues the same draws", "[core][base]") {
  for (int words = 0; words < 9; ++words)
    for (const bool with_spare : {false, true}) {
      CAPTURE(words, with_spare);
      Random original(3, "seek");
      for (int word = 0; word < words; ++word) original.next_u32();
      if (with_spare) original.normal();
      Random restored(3, "seek");
      restored.seek(original.position());
      for (int draw = 0; draw < 5; ++draw) {
        CHECK(original.normal() == restored.normal());
        CHECK(original.next_u32() == restored.next_u32());
      }
    }
  Random random(3, "seek");
  CHECK_THROWS_AS(random.seek({.block = 0, .word = 2}), Error);
}

TEST_CASE("random: uniform numbers stay in [0, 1) with the right moments", "[core][base]") {
  constexpr int kDraws = 200000;
  Random random(11, "uniform");
  double sum = 0, sum_of_squares = 0;
  int outside = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const double u = random.uniform();
    outside += u < 0.0 || u >= 1.0;
    sum += u;
    sum_of_squares += u * u;
  }
  CHECK(outside == 0);
  // Five standard errors: 5 * sqrt(1/12 / 2e5) = 0.0032 and 5 * sqrt(4/45 / 2e5) = 0.0033.
  CHECK(std::abs(sum / kDraws - 0.5) < 0.0032);
  CHECK(std::abs(sum_of_squares / kDraws - 1.0 / 3) < 0.0034);
}

TEST_CASE("random: normal numbers have the moments and tails of the normal law", "[core][base]") {
  constexpr int kDraws = 400000;
  Random random(12, "normal");
  std::vector<double> draws(kDraws);
  for (double& draw : draws) draw = random.normal();
  const auto mean_of = [&](auto&& f) {
    return std::accumulate(draws.begin(), draws.end(), 0.0, [&](double sum, double x) { return sum + f(x); }) / kDraws;
  };
  // Five standard errors of each moment: variances of x, x^2, x^4 are 1, 2, 96.
  CHECK(std::abs(mean_of([](double x) { return x; })) < 5 * std::sqrt(1.0 / kDraws));
  CHECK(std::abs(mean_of([](double x) { return x * x; }) - 1) < 5 * std::sqrt(2.0 / kDraws));
  CHECK(std::abs(mean_of([](double x) { return x * x * x * x; }) - 3) < 5 * std::sqrt(96.0 / kDraws));
  const double tail = std::erfc(2 / std::sqrt(2.0));
  CHECK(std::abs(mean_of([](double x) { return std::abs(x) > 2 ? 1.0 : 0.0; }) - tail) < 5 * std::sqrt(tail / kDraws));
}

TEST_CASE("random: integers below a bound are in range and even", "[core][base]") {
  Random random(13, "below");
  CHECK(random.below(1) == 0);
  constexpr std::uint64_t kBound = 6;
  constexpr int kDraws = 60000;
  std::array<int, kBound> counts{};
  for (int draw = 0; draw < kDraws; ++draw) ++counts.at(random.below(kBound));
  for (const int count : counts) CHECK(std::abs(count - kDraws / 6) < 5 * std::sqrt(kDraws * 5.0 / 36));
  // Two thirds of the range: without rejection the lower half would come up twice as often.
  const std::uint64_t large = 0xAAAAAAAAAAAAAAAAULL;
  int low_half = 0;
  for (int draw = 0; draw < kDraws; ++draw) low_half += random.below(large) < large / 2;
  CHECK(std::abs(low_half - kDraws / 2) < 5 * std::sqrt(kDraws / 4.0));
  CHECK_THROWS_AS(random.below(0), Error);
}

TEST_CASE("random: a permutation holds every index once and all orders occur", "[core][base]") {
  Random random(14, "permutation");
  CHECK(random.permutation(0).empty());
  auto order = random.permutation(1000);
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::size_t index = 0; index < order.size(); ++index) REQUIRE(order[index] == static_cast<std::int64_t>(index));
  std::vector<std::vector<std::int64_t>> seen;
  for (int draw = 0; draw < 300; ++draw) seen.push_back(random.permutation(3));
  std::sort(seen.begin(), seen.end());
  CHECK(std::unique(seen.begin(), seen.end()) - seen.begin() == 6);
}

TEST_CASE("random: filling equals drawing one by one, in any chunks", "[core][base]") {
  std::vector<float> whole(101), parts(101);
  Random(15, "fill").fill_normal(whole, 2.0, 0.5);
  Random in_parts(15, "fill");
  in_parts.fill_normal(std::span(parts).first(33), 2.0, 0.5);
  in_parts.fill_normal(std::span(parts).subspan(33), 2.0, 0.5);
  CHECK(whole == parts);
  Random single(15, "fill");
  for (const float value : whole) REQUIRE(value == static_cast<float>(2.0 + 0.5 * single.normal()));
}

TEST_CASE("random: uniform filling keeps to the half-open interval after rounding", "[core][base]") {
  std::vector<float> values(20000);
  Random(16, "fill").fill_uniform(values, 1.0, 1.0 + 4 * 0x1.0p-23);  // four float32 steps: rounding up is common
  CHECK(*std::min_element(values.begin(), values.end()) >= 1.0f);
  CHECK(*std::max_element(values.begin(), values.end()) < 1.0f + 4 * 0x1.0p-23f);
  Random(16, "fill").fill_uniform(values, 3.0, 3.0);
  CHECK(std::all_of(values.begin(), values.end(), [](float value) { return value == 3.0f; }));
}
