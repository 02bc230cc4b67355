// Continuations: the split of a pair into tokens, what is summed, what is cut, and that company changes nothing.
#include <catch2/catch.hpp>

#include <cmath>

#include "core/base/error.hpp"
#include "core/model/language_model.hpp"
#include "core/score/continuation.hpp"
#include "core/score/windows.hpp"
#include "tests/core/score/fake_predictor.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

std::vector<std::int64_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("continuation: trailing spaces of the context belong to the continuation", "[core][score]") {
  const auto tokenizer = byte_tokenizer();
  const Continuation item = encode_continuation(*tokenizer, "Answer: ", "yes");
  CHECK(item.context == bytes_of("Answer:"));
  CHECK(item.tokens == bytes_of(" yes"));
  const Continuation lines = encode_continuation(*tokenizer, "a\n \n", "b");
  CHECK(lines.context == bytes_of("a"));
  CHECK(lines.tokens == bytes_of("\n \nb"));
}

TEST_CASE("continuation: an empty context becomes BOS", "[core][score]") {
  const auto tokenizer = byte_tokenizer();
  const Continuation item = encode_continuation(*tokenizer, "", "yes");
  CHECK(item.context == std::vector<std::int64_t>{256});
  CHECK(item.tokens == bytes_of("yes"));
  CHECK_THROWS_WITH(encode_continuation(*tokenizer, "a", ""), Contains("continuation '' has no tokens of its own"));
}

TEST_CASE("continuation: the score is the sum over the continuation alone", "[core][score]") {
  const auto predictor = TablePredictor::random(5, 3);
  const torch::Tensor log_probabilities = predictor.table().to(torch::kDouble).log_softmax(1);
  const std::vector<Continuation> items{{{0, 4}, {2, 1, 3}}};
  const auto scores = score_continuations(predictor, items);
  double expected = 0.0;
  for (const auto& [from, to] : {std::pair{4, 2}, {2, 1}, {1, 3}}) expected += log_probabilities[from][to].item<double>();
  CHECK(scores.at(0).nats == Approx(expected));
}

TEST_CASE("continuation: greedy means that every token is the likeliest", "[core][score]") {
  // Token t is followed by t + 1 modulo 4.
  const TablePredictor predictor(torch::eye(4).roll(1, 1) * 5.0);
  const std::vector<Continuation> items{{{0}, {1, 2, 3}}, {{0}, {1, 2, 0}}};
  const auto scores = score_continuations(predictor, items);
  CHECK(scores[0].greedy);
  CHECK_FALSE(scores[1].greedy);
  CHECK(scores[0].nats > scores[1].nats);
}

TEST_CASE("continuation: what is too long is cut on the left, the continuation stays whole", "[core][score]") {
  const LanguageModel model(random_model(tiny_spec(), 11), nullptr);
  const std::vector<Continuation> whole{{{1, 2, 3, 4, 5, 6, 7, 8}, {9, 10, 11}}};
  const std::vector<Continuation> by_hand{{{7, 8}, {9, 10, 11}}};  // four inputs and the last target
  CHECK(score_continuations(model, whole, 4)[0].nats == score_continuations(model, by_hand)[0].nats);
  CHECK(score_continuations(model, whole, 10)[0].nats == score_continuations(model, whole)[0].nats);
  CHECK_THROWS_WITH(score_continuations(model, whole, 2), Contains("3 tokens of continuation, expected at most the model's 2"));
  const std::vector<Continuation> bare{{{}, {1}}};
  CHECK_THROWS_WITH(score_continuations(model, bare), Contains("0 tokens of context and 1 of continuation"));
}

TEST_CASE("continuation: neither batch nor company changes a score", "[core][score]") {
  const LanguageModel model(random_model(tiny_spec(), 5), nullptr);
  Random random(9, "items");
  std::vector<Continuation> items;
  for (int item = 0; item < 12; ++item) {
    Continuation one;
    for (int token = 0; token < 6 + item % 3; ++token) one.context.push_back(static_cast<std::int64_t>(random.below(61)));
    for (int token = 0; token < 3; ++token) one.tokens.push_back(static_cast<std::int64_t>(random.below(61)));
    items.push_back(one);
    items.push_back(one);
  }
  const auto together = score_continuations(model, items);
  const auto batched = score_continuations(model, items, 0, 5);
  for (std::size_t item = 0; item < items.size(); ++item) {
    CHECK(score_continuations(model, std::span(items).subspan(item, 1))[0].nats == together[item].nats);
    CHECK(batched[item].nats == Approx(together[item].nats).epsilon(1e-6));
    CHECK(batched[item].greedy == together[item].greedy);
  }
}

TEST_CASE("windows: some of them are evenly spaced and unchanged", "[core][score]") {
  const WindowSet windows = make_windows(torch::arange(81, torch::kLong), 11, 1, 1000);
  REQUIRE(windows.size() == 8);
  const WindowSet chosen = some_windows(windows, 4);
  REQUIRE(chosen.size() == 4);
  for (std::int64_t window = 0; window < 4; ++window) {
    CHECK(chosen.tokens_NT[window].equal(windows.tokens_NT[2 * window]));
    CHECK(chosen.bytes[static_cast<std::size_t>(window)] == windows.bytes[static_cast<std::size_t>(2 * window)]);
  }
  CHECK(some_windows(windows, 99).size() == 8);
  CHECK_THROWS_WITH(some_windows(windows, 0), Contains("expected at least 1"));
}
