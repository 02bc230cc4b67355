// Generation: greedy choices, the law of sampling, the nucleus, and decoding by steps against the whole prefix at once.
#include <catch2/catch.hpp>

#include <cmath>

#include "core/base/error.hpp"
#include "core/model/language_model.hpp"
#include "core/score/generation.hpp"
#include "tests/core/score/fake_predictor.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using Catch::Matchers::Contains;
using Ids = std::vector<std::int64_t>;

TEST_CASE("generation: greedy follows the largest logit and stops at the stop token", "[core][score]") {
  torch::Tensor table = torch::zeros({4, 4});
  table[0][2] = 1.0, table[2][1] = 1.0, table[1][3] = 1.0, table[3][0] = 1.0;
  const testing::TablePredictor predictor(table);
  SamplingSettings settings;
  settings.max_tokens = 6;
  CHECK(generate(predictor, Ids{3, 0}, settings) == Ids{2, 1, 3, 0, 2, 1});
  settings.stop_token = 3;
  CHECK(generate(predictor, Ids{3, 0}, settings) == Ids{2, 1});
}

TEST_CASE("generation: equal logits resolve to the lowest id", "[core][score]") {
  Random random(1, "test");
  CHECK(sample_token(torch::tensor({0.0, 2.0, 2.0}), 0.0, 1.0, random) == 1);
}

TEST_CASE("generation: samples follow softmax(logits / temperature)", "[core][score]") {
  const torch::Tensor logits = torch::tensor({0.5, -0.2, 1.1, 0.0});
  const double temperature = 0.7;
  const torch::Tensor expected = (logits.to(torch::kDouble) / temperature).softmax(0);
  Random random(5, "test");
  constexpr int kDraws = 40'000;
  std::array<int, 4> counts{};
  for (int draw = 0; draw < kDraws; ++draw) ++counts[static_cast<std::size_t>(sample_token(logits, temperature, 1.0, random))];
  for (std::size_t token = 0; token < 4; ++token)  // five standard errors
    CHECK(counts[token] / double{kDraws} == Approx(expected[static_cast<std::int64_t>(token)].item<double>()).margin(5 * 0.5 / std::sqrt(kDraws)));
}

TEST_CASE("generation: top-p keeps the smallest set that reaches p", "[core][score]") {
  const torch::Tensor logits = torch::tensor({0.1, 0.5, 0.4}).log();  // probabilities
  Random random(6, "test");
  std::array<int, 3> counts{};
  for (int draw = 0; draw < 3000; ++draw) ++counts[static_cast<std::size_t>(sample_token(logits, 1.0, 0.8, random))];
  CHECK(counts[0] == 0);
  CHECK(counts[1] / 3000.0 == Approx(5.0 / 9.0).margin(0.05));
  for (int draw = 0; draw < 100; ++draw) CHECK(sample_token(logits, 1.0, 0.3, random) == 1);
}

TEST_CASE("generation: a seed gives one text, another seed another", "[core][score]") {
  const auto predictor = testing::TablePredictor::random(50, 1);
  SamplingSettings settings;
  settings.temperature = 1.0;
  settings.seed = 11;
  const Ids text = generate(predictor, Ids{1}, settings);
  CHECK(text.size() == 128);
  CHECK(generate(predictor, Ids{1}, settings) == text);
  settings.seed = 12;
  CHECK(generate(predictor, Ids{1}, settings) != text);
}

TEST_CASE("generation: decoding by steps equals running the whole prefix each time", "[core][score]") {
  const LanguageModel model(testing::random_model(testing::tiny_spec(), 8), nullptr);
  SamplingSettings settings;
  settings.max_tokens = 20;
  const Ids text = generate(model, Ids{3, 14, 15, 9, 2}, settings);
  Ids whole{3, 14, 15, 9, 2};
  const torch::NoGradGuard no_grad;
  for (int count = 0; count < 20; ++count) {
    const torch::Tensor tokens = torch::tensor(whole, torch::kLong).unsqueeze(0);
    whole.push_back(model.forward(tokens, positions_for(tokens))[0][-1].argmax().item<std::int64_t>());
  }
  CHECK(text == Ids(whole.begin() + 5, whole.end()));
}

TEST_CASE("generation: settings out of range are refused", "[core][score]") {
  const auto predictor = testing::TablePredictor::random(5, 1);
  SamplingSettings settings;
  CHECK_THROWS_WITH(generate(predictor, Ids{}, settings), Contains("the prompt has no tokens"));
  settings.top_p = 0.0;
  CHECK_THROWS_WITH(generate(predictor, Ids{1}, settings), Contains("top_p 0"));
}

TEST_CASE("generation: a logit that is not finite ends it, wherever it stands", "[core][score]") {
  Random random(1, "test");
  for (const double wrong : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    for (const std::int64_t place : {0, 1, 2})
      for (const double temperature : {0.0, 1.0}) {
        CAPTURE(wrong, place, temperature);
        torch::Tensor logits = torch::tensor({0.5, 2.0, 1.0}, torch::kDouble);
        logits[place] = wrong;
        CHECK_THROWS_AS(sample_token(logits, temperature, 1.0, random), NumericError);
        CHECK_THROWS_WITH(sample_token(logits, temperature, 1.0, random), Contains(fmt::format("the logit of token {} is", place)));
      }
}

TEST_CASE("generation: a stop is asked after every token and ends the text", "[core][score]") {
  const testing::TablePredictor predictor(torch::eye(4).roll(1, 1) * 5.0);  // token t is followed by t + 1 modulo 4
  SamplingSettings settings;
  settings.max_tokens = 20;
  std::size_t asked = 0;
  settings.stop = [&](std::span<const std::int64_t> written) { return ++asked, written.back() == 3; };
  CHECK(generate(predictor, std::vector<std::int64_t>{0}, settings) == std::vector<std::int64_t>{1, 2, 3});
  CHECK(asked == 3);
}
