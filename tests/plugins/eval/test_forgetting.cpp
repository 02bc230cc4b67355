// eval.forgetting.
#include "tests/plugins/eval/eval_fixture.hpp"

#include "core/score/estimators.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

std::vector<EvalRow> rows_of(const LanguageModel& model, const std::vector<EvalSource>& sources, const std::vector<EvalDomain>& domains, const Value& params = ValueMap{}) {
  KeepingRecorder recorder;
  Subject subject{model, &model};
  subject.sources = sources;
  return make_plugin<Eval>("forgetting", params)->evaluate(subject, domains, eval_context(recorder));
}

}  // namespace

TEST_CASE("forgetting: it is the paired difference on the source's own domain", "[plugin][eval.forgetting][known-value]") {
  const Model merged = random_model(tiny_spec(), 3), specialist = random_model(tiny_spec(), 4);
  const EvalDomain a = made_up_domain("a", 0, 30, 6), b = made_up_domain("b", 30, 30, 6);
  const LanguageModel model(merged, nullptr), source(specialist, nullptr);
  const auto rows = rows_of(model, {made_up_source("a", specialist)}, {b, a});
  auto left = window_bits(model, a.windows), right = window_bits(source, a.windows);
  for (double& bits : left) bits /= 16.0;
  for (double& bits : right) bits /= 16.0;
  const Estimate expected = paired_difference(left, right);
  CHECK(row_of(rows, "a", "forgetting").value == Approx(expected.mean));
  CHECK(row_of(rows, "a", "forgetting").std_error == Approx(expected.std_error));
  CHECK(row_of(rows, "a", "forgetting").n == 6);
  CHECK(row_of(rows, "in_domain", "forgetting").value == Approx(expected.mean));
}

TEST_CASE("forgetting: who is the source has forgotten nothing", "[plugin][eval.forgetting][known-value]") {
  const Model specialist = random_model(tiny_spec(), 4);
  const LanguageModel model(specialist, nullptr);
  const auto rows = rows_of(model, {made_up_source("a", specialist, scrambled(specialist, 2))}, {made_up_domain("a", 0, 30, 6)});
  CHECK(row_of(rows, "a", "forgetting").value == 0.0);  // the source as it was trained, not its aligned form
}

TEST_CASE("forgetting: a second source of one domain makes the average no more certain, and gives the domain no more weight", "[plugin][eval.forgetting][known-value]") {
  const LanguageModel model(random_model(tiny_spec(), 3), nullptr);
  EvalSource first = made_up_source("a", random_model(tiny_spec(), 4)), again = first, b = made_up_source("b", random_model(tiny_spec(), 5));
  again.name = "again";
  const std::vector<EvalDomain> domains{made_up_domain("a", 0, 30, 6), made_up_domain("b", 30, 30, 6)};
  const auto once = rows_of(model, {first}, domains), twice = rows_of(model, {first, again}, domains);
  CHECK(row_of(twice, "again", "forgetting").value == row_of(twice, "a", "forgetting").value);
  CHECK(row_of(twice, "in_domain", "forgetting").value == Approx(row_of(once, "in_domain", "forgetting").value));
  CHECK(row_of(twice, "in_domain", "forgetting").std_error == Approx(row_of(once, "in_domain", "forgetting").std_error));
  CHECK(row_of(twice, "in_domain", "forgetting").n == 6);
  const auto both = rows_of(model, {first, again, b}, domains);
  CHECK(row_of(both, "in_domain", "forgetting").value == Approx((row_of(both, "a", "forgetting").value + row_of(both, "b", "forgetting").value) / 2));
  CHECK(row_of(both, "in_domain", "forgetting").std_error ==
        Approx(std::hypot(row_of(both, "a", "forgetting").std_error, row_of(both, "b", "forgetting").std_error) / 2));  // domains are independent
}

TEST_CASE("forgetting: batch size changes nothing, and sources without a domain do not count", "[plugin][eval.forgetting][invariant]") {
  const LanguageModel model(random_model(tiny_spec(), 3), nullptr);
  EvalSource stranger = made_up_source("x", random_model(tiny_spec(), 5));
  stranger.domain = "";
  const std::vector<EvalSource> sources{made_up_source("a", random_model(tiny_spec(), 4)), stranger};
  const EvalDomain a = made_up_domain("a", 0, 30, 6);
  const auto rows = rows_of(model, sources, {a});
  CHECK(rows.size() == 2);
  CHECK(row_of(rows_of(model, sources, {a}, ValueMap{{"batch_size", 4}}), "a", "forgetting").value == Approx(row_of(rows, "a", "forgetting").value).margin(1e-5));
}

TEST_CASE("forgetting: without any source's domain there is nothing to ask", "[plugin][eval.forgetting][wrong-input]") {
  const LanguageModel model(random_model(tiny_spec(), 3), nullptr);
  CHECK_FALSE(make_plugin<Eval>("forgetting")->applies_to({model, &model}));
  CHECK_THROWS_WITH(rows_of(model, {made_up_source("x", random_model(tiny_spec(), 5))}, {made_up_domain("a", 0, 30, 6)}),
                    Contains("no source was trained on one of the domains"));
}

TEST_CASE("forgetting: keeps the plugin contract", "[plugin][eval.forgetting][contract]") { check_contract("eval", "forgetting"); }
