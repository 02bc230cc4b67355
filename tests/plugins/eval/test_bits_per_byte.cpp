// eval.bits_per_byte.
#include "tests/plugins/eval/eval_fixture.hpp"

#include <cmath>

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

/// The same distribution for every next token.
class FixedPredictor final : public Predictor {
 public:
  explicit FixedPredictor(torch::Tensor logits_V) : logits_V_(std::move(logits_V)) {}
  std::int64_t vocab_size() const override { return logits_V_.size(0); }
  torch::Tensor forward(const torch::Tensor& tokens_BT, const torch::Tensor&, DecodeState*) const override {
    return logits_V_.expand({tokens_BT.size(0), tokens_BT.size(1), logits_V_.size(0)});
  }

 private:
  torch::Tensor logits_V_;
};

}  // namespace

TEST_CASE("bits_per_byte: a uniform model over 256 bytes takes eight bits everywhere", "[plugin][eval.bits_per_byte][known-value]") {
  KeepingRecorder recorder;
  const FixedPredictor uniform(torch::zeros({256}));
  const auto rows = make_plugin<Eval>("bits_per_byte")->evaluate({uniform}, {made_up_domain("code", 0, 100, 6), made_up_domain("python", 0, 256, 3, true)},
                                                                 eval_context(recorder));
  REQUIRE(rows.size() == 4);
  for (const EvalRow& row : rows) {
    CHECK(row.value == Approx(8.0));
    CHECK(row.std_error == Approx(0.0).margin(1e-6));
    CHECK(row.metric == "bits_per_byte");
    CHECK(row.better == EvalRow::Better::lower);
  }
  CHECK(row_of(rows, "code", "bits_per_byte").n == 6);
  CHECK(row_of(rows, "out_of_distribution", "bits_per_byte").n == 3);
}

TEST_CASE("bits_per_byte: averages are over domains and their errors propagate", "[plugin][eval.bits_per_byte][known-value]") {
  // Token 0 has probability 1/2, tokens 1..4 1/8 each: one bit and three bits.
  const FixedPredictor predictor(torch::tensor({0.5, 0.125, 0.125, 0.125, 0.125}).log());
  EvalDomain cheap{"cheap", false, make_windows(torch::zeros({65}, torch::kLong), 17, 1, 4)};
  EvalDomain dear{"dear", false, make_windows(torch::ones({33}, torch::kLong), 17, 1, 2)};
  EvalDomain mixed{"mixed", false, make_windows(torch::cat({torch::zeros({17}, torch::kLong), torch::ones({16}, torch::kLong)}), 17, 1, 2)};
  KeepingRecorder recorder;
  const auto rows = make_plugin<Eval>("bits_per_byte")->evaluate({predictor}, {cheap, dear, mixed}, eval_context(recorder));
  CHECK(row_of(rows, "cheap", "bits_per_byte").value == Approx(1.0));
  CHECK(row_of(rows, "dear", "bits_per_byte").value == Approx(3.0));
  CHECK(row_of(rows, "mixed", "bits_per_byte").value == Approx(2.0));
  CHECK(row_of(rows, "mixed", "bits_per_byte").std_error == Approx(1.0));  // windows of 1 and 3: sd sqrt(2), over sqrt(2)
  CHECK(row_of(rows, "in_domain", "bits_per_byte").value == Approx(2.0));
  CHECK(row_of(rows, "in_domain", "bits_per_byte").std_error == Approx(1.0 / 3.0));
  CHECK(row_of(rows, "in_domain", "bits_per_byte").n == 8);
  CHECK_FALSE(has_row(rows, "out_of_distribution", "bits_per_byte"));

  const auto& windows = recorder.arrays.at("window_bits_per_byte");
  CHECK(windows.axes[0].labels == std::vector<std::string>{"cheap", "dear", "mixed"});
  REQUIRE(windows.values.size() == 12);
  CHECK(windows.values[8] == Approx(1.0));
  CHECK(windows.values[9] == Approx(3.0));
  CHECK(std::isnan(windows.values[6]));  // the second domain has two windows, the first four
  CHECK(recorder.arrays.at("in_domain").values == std::vector<float>{1, 1, 1});
}

TEST_CASE("bits_per_byte: a byte counts once whatever the token holds", "[plugin][eval.bits_per_byte][known-value]") {
  const FixedPredictor predictor(torch::zeros({4}));  // two bits a token
  EvalDomain domain{"wide", false, make_windows(torch::tensor({0, 1, 2, 1, 2}, torch::kLong), 5, 1, 9, {0, 4, 2, 1})};
  KeepingRecorder recorder;
  const auto rows = make_plugin<Eval>("bits_per_byte")->evaluate({predictor}, {domain}, eval_context(recorder));
  CHECK(row_of(rows, "wide", "bits_per_byte").value == Approx(4 * 2.0 / 12.0));
}

TEST_CASE("bits_per_byte: neither the batch size nor the other domains change a domain's number", "[plugin][eval.bits_per_byte][invariant]") {
  const LanguageModel model(random_model(tiny_spec(), 5), nullptr);
  const EvalDomain a = made_up_domain("a", 0, 30, 9), b = made_up_domain("b", 30, 30, 5, true);
  const auto value = [&](const Value& params, const std::vector<EvalDomain>& domains) {
    KeepingRecorder recorder;
    return row_of(make_plugin<Eval>("bits_per_byte", params)->evaluate({model, &model}, domains, eval_context(recorder)), "a", "bits_per_byte").value;
  };
  const double alone = value(ValueMap{}, {a});
  CHECK(value(ValueMap{}, {b, a}) == alone);
  CHECK(value(ValueMap{{"batch_size", 4}}, {a, b}) == Approx(alone).epsilon(1e-6));
}

TEST_CASE("bits_per_byte: a model that gives NaN is refused", "[plugin][eval.bits_per_byte][wrong-input]") {
  KeepingRecorder recorder;
  const FixedPredictor broken(torch::full({60}, std::nan("")));
  CHECK_THROWS_WITH(make_plugin<Eval>("bits_per_byte")->evaluate({broken}, {made_up_domain("a", 0, 30, 2)}, eval_context(recorder)),
                    Contains("bits of window 0") && Contains("expected a finite number"));
  CHECK_THAT(refusal_of("eval", "bits_per_byte", ValueMap{{"batch_size", 0}}), Contains("batch_size") && Contains("expected at least 1"));
}

TEST_CASE("bits_per_byte: keeps the plugin contract", "[plugin][eval.bits_per_byte][contract]") { check_contract("eval", "bits_per_byte"); }
