// eval.function_change.
#include "tests/plugins/eval/eval_fixture.hpp"

#include "core/score/estimators.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

std::vector<EvalRow> rows_of(const std::vector<EvalSource>& sources) {
  const LanguageModel model(sources.at(0).original, nullptr);
  KeepingRecorder recorder;
  Subject subject{model, &model};
  subject.sources = sources;
  return make_plugin<Eval>("function_change")->evaluate(subject, {made_up_domain("a", 0, 30, 4), made_up_domain("b", 30, 30, 4, true)}, eval_context(recorder));
}

/// The head's rows times `scale`.
Model with_scaled_head(const Model& model, double scale) {
  TensorMap tensors = load_all(*model.tensors);
  tensors.at("lm_head.weight") = tensors.at("lm_head.weight") * scale;
  return {model.spec, std::make_shared<MemorySource>(std::move(tensors), "scaled"), "scaled"};
}

}  // namespace

TEST_CASE("function_change: logits that grow by a tenth change by a tenth", "[plugin][eval.function_change][known-value]") {
  const Model model = random_model(tiny_spec(), 3);
  const auto rows = rows_of({made_up_source("a", model, with_scaled_head(model, 1.1))});
  CHECK(row_of(rows, "a", "logit_change").value == Approx(0.1).epsilon(1e-5));
  CHECK(row_of(rows, "a", "relative_l2").value == Approx(0.1).epsilon(1e-5));
  CHECK(row_of(rows, "a", "kl").value > 0.0);
  CHECK(row_of(rows, "a", "kl").n == 2 * 4);  // windows
}

TEST_CASE("function_change: bits change as the loss does", "[plugin][eval.function_change][known-value]") {
  const Model model = random_model(tiny_spec(), 3), other = with_scaled_head(model, 2.0);
  const auto rows = rows_of({made_up_source("a", model, other)});
  double expected = 0.0;
  for (const EvalDomain& domain : {made_up_domain("a", 0, 30, 4), made_up_domain("b", 30, 30, 4, true)})
    for (const auto& [which, sign] : {std::pair{other, 1.0}, {model, -1.0}})
      for (const double bits : window_bits(LanguageModel(which, nullptr), domain.windows)) expected += sign * bits / (2 * 4 * 16);
  CHECK(row_of(rows, "a", "bits_change").value == Approx(expected).epsilon(1e-5));
}

TEST_CASE("function_change: the errors are those of windows drawn within their domain", "[plugin][eval.function_change][known-value]") {
  // Windows are equally long, so bits_change is the mean of means of the two domains.
  const Model model = random_model(tiny_spec(), 3), other = with_scaled_head(model, 2.0);
  const auto rows = rows_of({made_up_source("a", model, other)});
  std::vector<Estimate> domains;
  for (const EvalDomain& domain : {made_up_domain("a", 0, 30, 4), made_up_domain("b", 30, 30, 4, true)}) {
    std::vector<double> after = window_bits(LanguageModel(other, nullptr), domain.windows), before = window_bits(LanguageModel(model, nullptr), domain.windows);
    for (std::size_t window = 0; window < after.size(); ++window) after[window] /= 16.0, before[window] /= 16.0;
    domains.push_back(paired_difference(after, before));
  }
  const Estimate expected = mean_of_estimates(domains);
  REQUIRE(expected.std_error > 0.0);
  CHECK(row_of(rows, "a", "bits_change").std_error == Approx(expected.std_error).epsilon(1e-4));
  CHECK(row_of(rows, "a", "kl").std_error > 0.0);
  CHECK(row_of(rows, "a", "relative_l2").std_error == Approx(0.0).margin(1e-6));  // every window's logits double
  CHECK(std::isnan(row_of(rows, "a", "logit_change").std_error));
}

TEST_CASE("function_change: another basis is the same function", "[plugin][eval.function_change][invariant]") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    CAPTURE(seed);
    const Model model = random_model(tiny_spec(), seed);
    const auto rows = rows_of({made_up_source("a", model, scrambled(model, seed + 10)), made_up_source("b", model)});
    CHECK(row_of(rows, "a", "logit_change").value < 1e-5);
    CHECK(std::abs(row_of(rows, "a", "kl").value) < 1e-9);
    CHECK(row_of(rows, "b", "relative_l2").value == 0.0);
  }
}

TEST_CASE("function_change: it needs sources, and finite ones", "[plugin][eval.function_change][wrong-input]") {
  const LanguageModel model(random_model(tiny_spec(), 3), nullptr);
  CHECK_FALSE(make_plugin<Eval>("function_change")->applies_to({model, &model}));
  CHECK_THROWS_WITH(rows_of({made_up_source("a", random_model(tiny_spec(), 3), with_scaled_head(random_model(tiny_spec(), 3), std::nan("")))}),
                    Contains("the logits of source 'a' change by nan"));
}

TEST_CASE("function_change: keeps the plugin contract", "[plugin][eval.function_change][contract]") { check_contract("eval", "function_change"); }
