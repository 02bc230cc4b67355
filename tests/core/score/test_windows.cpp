// Windows: every token is scored once; the bits are those of the definition and do not depend on what is scored beside them.
#include <catch2/catch.hpp>

#include <cmath>
#include <numeric>

#include "core/base/error.hpp"
#include "core/model/language_model.hpp"
#include "core/score/windows.hpp"
#include "tests/core/score/fake_predictor.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

namespace {

torch::Tensor random_stream(std::int64_t size, std::int64_t vocab, std::uint64_t seed) {
  Random random(seed, "stream");
  torch::Tensor stream = torch::empty({size}, torch::kLong);
  for (std::int64_t at = 0; at < size; ++at) stream[at] = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(vocab)));
  return stream;
}

}  // namespace

TEST_CASE("windows: each token but the first is scored exactly once", "[core][score]") {
  for (std::int64_t size = 2; size < 40; ++size)
    for (std::int64_t length = 2; length < 12; ++length)
      for (std::int64_t context = 1; context < length; ++context) {
        // Tokens are their own positions, so that the windows tell where they lie.
        const WindowSet windows = make_windows(torch::arange(size, torch::kLong), length, context, 1000);
        std::vector<int> times(static_cast<std::size_t>(size));
        double bytes = 0.0;
        bool enough_context = true;
        for (std::int64_t window = 0; window < windows.size(); ++window) {
          const std::int64_t first = windows.first_scored[static_cast<std::size_t>(window)];
          if (window > 0 && size >= length) enough_context = enough_context && first >= context;
          for (std::int64_t column = first; column < windows.tokens_NT.size(1); ++column)
            ++times[static_cast<std::size_t>(windows.tokens_NT[window][column].item<std::int64_t>())];
          bytes += windows.bytes[static_cast<std::size_t>(window)];
        }
        const bool once = times[0] == 0 && std::all_of(times.begin() + 1, times.end(), [](int count) { return count == 1; });
        if (once && enough_context && bytes == static_cast<double>(size - 1)) continue;
        CAPTURE(size, length, context);
        FAIL("a token is scored more or less than once, or with too little context");
      }
  SUCCEED();
}

TEST_CASE("windows: their hash tells other windows, however alike in number", "[core][score]") {
  const torch::Tensor stream = random_stream(101, 50, 3);
  const WindowSet windows = make_windows(stream, 11, 1, 5);
  CHECK(window_hash(windows).size() == 64);
  CHECK(window_hash(make_windows(stream.clone(), 11, 1, 5)) == window_hash(windows));
  CHECK(window_hash(make_windows(random_stream(101, 50, 4), 11, 1, 5)) != window_hash(windows));      // another text
  CHECK(window_hash(make_windows(stream, 9, 1, 5)) != window_hash(windows));                          // another length
  CHECK(window_hash(make_windows(stream, 11, 3, 5)) != window_hash(windows));                         // more context
  CHECK(window_hash(some_windows(windows, 4)) != window_hash(windows));
  WindowSet scored_later = windows, reshaped = windows, longer_tokens = windows;
  scored_later.first_scored.back() = 2;
  reshaped.tokens_NT = windows.tokens_NT.view({11, 5});
  longer_tokens.bytes.front() += 1.0;
  for (const WindowSet* other : {&scored_later, &reshaped, &longer_tokens}) CHECK(window_hash(*other) != window_hash(windows));
}

TEST_CASE("windows: at most so many, evenly spaced, and bytes by token", "[core][score]") {
  const WindowSet windows = make_windows(torch::arange(101, torch::kLong), 11, 1, 5);
  CHECK(windows.size() == 5);
  CHECK(windows.tokens_NT.select(1, 0).equal(torch::tensor({0, 20, 40, 60, 80}, torch::kLong)));
  const WindowSet special = make_windows(torch::tensor({2, 0, 1, 2, 0}, torch::kLong), 5, 1, 5, {3, 2, 0});
  CHECK(special.bytes == std::vector<double>{8.0});  // 3 + 2 + 0 + 3; the first token is context
}

TEST_CASE("windows: a uniform model over bytes takes eight bits a byte", "[core][score]") {
  const testing::TablePredictor uniform(torch::zeros({256, 256}));
  const WindowSet windows = make_windows(random_stream(1000, 256, 1), 64, 8, 100);
  const auto bits = window_bits(uniform, windows);
  CHECK(std::accumulate(bits.begin(), bits.end(), 0.0) == Approx(8.0 * 999).epsilon(1e-6));
}

TEST_CASE("windows: bits are minus log2 of the token's probability", "[core][score]") {
  const auto seed = GENERATE(1u, 2u);
  CAPTURE(seed);
  const auto predictor = testing::TablePredictor::random(17, seed);
  const torch::Tensor stream = random_stream(200, 17, seed);
  const WindowSet windows = make_windows(stream, 16, 5, 100);
  const auto bits = window_bits(predictor, windows);
  double expected = 0.0;
  const torch::Tensor log_p = predictor.table().to(torch::kDouble).log_softmax(1);
  for (std::int64_t at = 1; at < 200; ++at)
    expected -= log_p[stream[at - 1].item<std::int64_t>()][stream[at].item<std::int64_t>()].item<double>() / std::log(2.0);
  CHECK(std::accumulate(bits.begin(), bits.end(), 0.0) == Approx(expected).epsilon(1e-6));
}

TEST_CASE("windows: a window's bits are the same to the last bit in any company", "[core][score]") {
  const Model model = testing::random_model(testing::tiny_spec(), 3);
  const LanguageModel language_model(model, nullptr);
  const WindowSet all = make_windows(random_stream(600, language_model.vocab_size(), 4), 33, 1, 100);
  const auto together = window_bits(language_model, all);
  for (const std::int64_t window : {std::int64_t{0}, std::int64_t{7}, all.size() - 1}) {
    WindowSet alone;
    alone.tokens_NT = all.tokens_NT.slice(0, window, window + 1);
    alone.first_scored = {all.first_scored[static_cast<std::size_t>(window)]};
    alone.bytes = {all.bytes[static_cast<std::size_t>(window)]};
    CHECK(window_bits(language_model, alone)[0] == together[static_cast<std::size_t>(window)]);
  }
  for (const std::int64_t batch_size : {2, 5, 64}) {
    const auto batched = window_bits(language_model, all, batch_size);
    for (std::size_t window = 0; window < batched.size(); ++window) CHECK(batched[window] == Approx(together[window]).epsilon(1e-6));
  }
}

TEST_CASE("windows: arguments that contradict each other are refused", "[core][score]") {
  const torch::Tensor stream = torch::arange(20, torch::kLong);
  CHECK_THROWS_WITH(make_windows(stream, 8, 8, 4), Contains("got length 8, context 8") && Contains("1 <= context < length"));
  CHECK_THROWS_WITH(make_windows(torch::arange(1, torch::kLong), 8, 1, 4), Contains("has shape [1]"));
  CHECK_THROWS_WITH(make_windows(stream, 8, 1, 4, {1, 1}), Contains("outside the vocabulary of 2"));
  const testing::TablePredictor broken(torch::full({20, 20}, std::nan("")));
  CHECK_THROWS_AS(window_bits(broken, make_windows(stream, 8, 1, 4)), NumericError);
}
