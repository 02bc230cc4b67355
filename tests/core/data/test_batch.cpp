// Batches: pure functions of seed and step, windows of the right domains in the right proportion; calibration apart from evaluation.
#include <catch2/catch.hpp>

#include <cmath>
#include <set>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/data/batch.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

namespace {

/// A stream of `size` consecutive numbers from `first` on, so that a window tells where it comes from.
std::shared_ptr<const TokenStream> numbers(const std::string& domain, std::int32_t first, std::int64_t size, TextPart part = TextPart::training) {
  return std::make_shared<TokenStream>(TokenStream{domain, part, 100'000, torch::arange(first, first + size, torch::kInt), ""});
}

Mixture two_domains(double weight_a, double weight_b) { return Mixture({{numbers("a", 0, 1000), weight_a}, {numbers("b", 50'000, 300), weight_b}}); }

}  // namespace

TEST_CASE("batches: a step's batch does not depend on the steps before it", "[core][data]") {
  const BatchSource source(two_domains(1, 1), 8, 16, 7), other(two_domains(1, 1), 8, 16, 7);
  for (std::int64_t step = 0; step < 5; ++step) static_cast<void>(source.at(step));
  const Batch late = source.at(5), fresh = other.at(5);
  CHECK(late.tokens_BT.equal(fresh.tokens_BT));
  CHECK(late.domains_B == fresh.domains_B);
  CHECK_FALSE(source.at(6).tokens_BT.equal(fresh.tokens_BT));
  CHECK_FALSE(BatchSource(two_domains(1, 1), 8, 16, 8).at(5).tokens_BT.equal(fresh.tokens_BT));
  CHECK(source.tokens_per_batch() == 128);
}

TEST_CASE("batches: every window is consecutive text of the domain that it is labelled with", "[core][data]") {
  const BatchSource source(two_domains(2, 1), 10, 24, 3);
  std::set<std::int64_t> starts;
  for (std::int64_t step = 0; step < 200; ++step) {
    const Batch batch = source.at(step);
    REQUIRE(batch.tokens_BT.sizes() == torch::IntArrayRef({10, 25}));
    for (std::int64_t row = 0; row < 10; ++row) {
      const auto first = batch.tokens_BT[row][0].item<std::int64_t>();
      const bool is_b = batch.domains_B[static_cast<std::size_t>(row)] == 1;
      const bool inside = is_b ? first >= 50'000 && first + 24 < 50'300 : first >= 0 && first + 24 < 1000;
      if (!inside || !batch.tokens_BT[row].equal(torch::arange(first, first + 25, torch::kLong))) FAIL("a window is not text of its domain");
      starts.insert(first);
    }
  }
  CHECK(starts.contains(0));        // the first and the last window can both be drawn
  CHECK(*starts.rbegin() >= 50'270);
}

TEST_CASE("batches: domains come in the proportion of their weights, in every batch to within one window", "[core][data]") {
  const BatchSource source(two_domains(3, 1), 10, 8, 5);
  std::int64_t from_b = 0;
  constexpr std::int64_t kSteps = 2000;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const Batch batch = source.at(step);
    const auto count = std::count(batch.domains_B.begin(), batch.domains_B.end(), 1);
    CHECK((count == 2 || count == 3));
    from_b += count;
  }
  CHECK(static_cast<double>(from_b) / kSteps == Approx(2.5).margin(5 * 0.5 / std::sqrt(kSteps)));  // five standard errors
}

TEST_CASE("batches: a domain of weight 0 is never drawn", "[core][data]") {
  const Mixture mixture = two_domains(1, 0);
  CHECK(mixture.pick(0.999999999999) == 0);
  CHECK(mixture.pick(1.0) == 0);
  CHECK(mixture.domains() == std::vector<std::string>{"a", "b"});
}

TEST_CASE("batches: mixtures and sizes that cannot work are refused", "[core][data]") {
  CHECK_THROWS_WITH(Mixture({}), Contains("got no domains"));
  CHECK_THROWS_WITH(two_domains(-1, 1), Contains("domain 'a'") && Contains("weight -1"));
  CHECK_THROWS_WITH(two_domains(0, 0), Contains("all weights are 0"));
  CHECK_THROWS_WITH(Mixture({{numbers("a", 0, 50, TextPart::held_out), 1}}), Contains("got held_out text, expected training text"));
  CHECK_THROWS_WITH(BatchSource(two_domains(1, 1), 4, 300, 1), Contains("domain 'b'") && Contains("has 300 tokens, expected at least 301"));
  CHECK_THROWS_WITH(BatchSource(two_domains(1, 1), 0, 30, 1), Contains("got 0 windows"));
  auto narrow = std::make_shared<TokenStream>(*numbers("c", 0, 50));
  narrow->vocab_size = 259;
  CHECK_THROWS_WITH(Mixture::uniform({numbers("a", 0, 50), narrow}), Contains("vocabulary of 259"));
}

TEST_CASE("calibration: the same number of windows of each domain, none overlapping", "[core][data]") {
  const std::vector<std::shared_ptr<const TokenStream>> streams{numbers("a", 0, 1000), numbers("b", 50'000, 300)};
  const CalibrationWindows windows = calibration_windows(streams, 500, 20, 9);
  REQUIRE(windows.tokens_NT.sizes() == torch::IntArrayRef({24, 20}));
  std::set<std::int64_t> tokens;
  for (std::int64_t window = 0; window < 24; ++window) {
    CHECK(windows.domains_N[static_cast<std::size_t>(window)] == window / 12);
    for (std::int64_t column = 0; column < 20; ++column) tokens.insert(windows.tokens_NT[window][column].item<std::int64_t>());
  }
  CHECK(tokens.size() == 480);
  CHECK(calibration_windows(streams, 500, 20, 9).tokens_NT.equal(windows.tokens_NT));
  CHECK_FALSE(calibration_windows(streams, 500, 20, 10).tokens_NT.equal(windows.tokens_NT));
}

TEST_CASE("calibration: held-out text and too few tokens are refused", "[core][data]") {
  CHECK_THROWS_WITH(calibration_windows({numbers("a", 0, 100, TextPart::held_out)}, 50, 10, 1), Contains("domain 'a'") && Contains("held_out"));
  CHECK_THROWS_WITH(calibration_windows({numbers("a", 0, 100)}, 200, 10, 1), Contains("expected at least 200"));
  CHECK_THROWS_WITH(calibration_windows({numbers("a", 0, 100), numbers("b", 0, 100)}, 15, 10, 1), Contains("got 15 tokens for 2 domains"));
}
