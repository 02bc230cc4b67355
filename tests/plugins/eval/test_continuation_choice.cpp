// eval.continuation_choice.
#include "tests/plugins/eval/eval_fixture.hpp"

#include <cmath>
#include <numeric>

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

/// Knows the rule of a text in which token t is followed by t + 1 modulo 101.
class RulePredictor final : public Predictor {
 public:
  std::int64_t vocab_size() const override { return 257; }
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor&, DecodeState*) const override {
    return torch::one_hot((tokens_BT + 1).remainder(101), 257).to(torch::kFloat) * 8.0;
  }
};

/// BOS, then 0, 1, 2, ... modulo 101.
EvalDomain counting_domain(const std::string& name, std::int64_t tokens, bool ood = false) {
  const torch::Tensor stream = torch::cat({torch::full({1}, 256, torch::kLong), torch::arange(tokens, torch::kLong).remainder(101)});
  return {name, ood, make_windows(stream, 17, 1, 4), stream};
}

std::vector<EvalRow> rows_of(const Predictor& predictor, const std::vector<EvalDomain>& domains, const Value& params, KeepingRecorder& recorder) {
  return make_plugin<Eval>("continuation_choice", params)->evaluate({predictor}, domains, eval_context(recorder));
}

}  // namespace

TEST_CASE("continuation_choice: who knows the rule of a text is always right", "[plugin][eval.continuation_choice][known-value]") {
  KeepingRecorder recorder;
  const Value params = ValueMap{{"items", 50}, {"context", 8}, {"continuation", 5}};
  const auto rows = rows_of(RulePredictor(), {counting_domain("count", 2000), counting_domain("other", 1000, true)}, params, recorder);
  REQUIRE(rows.size() == 4);
  for (const EvalRow& row : rows) {
    CHECK(row.metric == "accuracy");
    CHECK(row.value == 1.0);
    CHECK(row.std_error == 0.0);
    CHECK(row.better == EvalRow::Better::higher);
  }
  CHECK(row_of(rows, "count", "accuracy").n == 50);
  CHECK(recorder.arrays.at("correct").values.size() == 100);
}

TEST_CASE("continuation_choice: a model without opinion is right where the answer stands first", "[plugin][eval.continuation_choice][known-value]") {
  // All choices score the same, and among equals the first counts: the share of answers in the first of four places.
  KeepingRecorder recorder;
  class Uniform final : public Predictor {
   public:
    std::int64_t vocab_size() const override { return 300; }
    torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor&, DecodeState*) const override {
      return torch::zeros({tokens_BT.size(0), tokens_BT.size(1), 300});
    }
  } uniform;
  const auto rows = rows_of(uniform, {made_up_domain("a", 0, 250, 400)}, ValueMap{{"items", 300}, {"context", 8}, {"continuation", 8}}, recorder);
  const double accuracy = row_of(rows, "a", "accuracy").value;
  CHECK(accuracy == Approx(0.25).margin(0.08));  // three standard errors of a fair draw of 300
  CHECK(row_of(rows, "a", "accuracy").std_error == Approx(std::sqrt(accuracy * (1 - accuracy) / 299)));
}

TEST_CASE("continuation_choice: items do not depend on model, batch or other domains", "[plugin][eval.continuation_choice][invariant]") {
  const LanguageModel model(random_model(tiny_spec({.vocab = 60}), 5), nullptr);
  const EvalDomain a = made_up_domain("a", 0, 30, 60), b = made_up_domain("b", 30, 30, 60, true);
  const auto correct = [&](const Value& batch, const std::vector<EvalDomain>& domains, std::size_t index) {
    KeepingRecorder recorder;
    rows_of(model, domains, ValueMap{{"items", 24}, {"context", 8}, {"continuation", 4}, {"batch_size", batch}}, recorder);
    const auto& values = recorder.arrays.at("correct").values;
    return std::vector<float>(values.begin() + static_cast<std::ptrdiff_t>(index * 24), values.begin() + static_cast<std::ptrdiff_t>((index + 1) * 24));
  };
  const auto alone = correct(1, {a}, 0);
  CHECK(correct(1, {b, a}, 1) == alone);
  CHECK(correct(4, {a, b}, 0) == alone);
  const double share = std::accumulate(alone.begin(), alone.end(), 0.0) / 24.0;
  CHECK((share > 0.0 && share < 1.0));
}

TEST_CASE("continuation_choice: text that is too short or repeats itself is refused", "[plugin][eval.continuation_choice][wrong-input]") {
  KeepingRecorder recorder;
  CHECK_THROWS_WITH(rows_of(RulePredictor(), {counting_domain("short", 100)}, ValueMap{}, recorder),
                    Contains("domain 'short' has 101 held-out tokens, expected at least 257 for 4 choices of 64 tokens"));
  const torch::Tensor stream = torch::zeros({1000}, torch::kLong);
  CHECK_THROWS_WITH(rows_of(RulePredictor(), {EvalDomain{"same", false, make_windows(stream, 17, 1, 4), stream}}, ValueMap{}, recorder),
                    Contains("domain 'same' repeats one continuation of 16 tokens too often for 4 choices"));
  CHECK_THAT(refusal_of("eval", "continuation_choice", ValueMap{{"choices", 1}}), Contains("choices") && Contains("expected at least 2"));
}

TEST_CASE("continuation_choice: keeps the plugin contract", "[plugin][eval.continuation_choice][contract]") { check_contract("eval", "continuation_choice"); }
