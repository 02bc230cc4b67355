// eval.linear_mode_connectivity.
#include "tests/plugins/eval/eval_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

std::vector<EvalRow> rows_of(const std::vector<EvalSource>& sources, KeepingRecorder& recorder, const Value& params = ValueMap{{"points", 5}, {"windows", 4}}, std::size_t anchor = 0) {
  const LanguageModel model(sources.at(anchor).original, nullptr);
  Subject subject{model, &model};
  subject.sources = sources;
  subject.anchor = anchor;
  const std::vector<EvalDomain> domains{made_up_domain("a", 0, 30, 6), made_up_domain("b", 30, 30, 6), made_up_domain("c", 0, 60, 6, true)};
  return make_plugin<Eval>("linear_mode_connectivity", params)->evaluate(subject, domains, eval_context(recorder));
}

}  // namespace

TEST_CASE("linear_mode_connectivity: a model and itself are joined by a flat line", "[plugin][eval.linear_mode_connectivity][known-value]") {
  KeepingRecorder recorder;
  const Model model = random_model(tiny_spec(), 3);
  const auto rows = rows_of({made_up_source("a", model), made_up_source("b", model)}, recorder);
  for (const char* metric : {"barrier", "barrier_aligned", "midpoint_barrier", "midpoint_barrier_aligned"})
    CHECK(row_of(rows, "a - b", metric).value == Approx(0.0).margin(1e-6));
  CHECK(row_of(rows, "mean over pairs", "barrier").n == 8);  // four windows of each in-domain domain
  const auto& curve = recorder.arrays.at("bits_per_byte");
  CHECK(curve.values.size() == 10);
  CHECK(curve.axes[2].values == std::vector<double>{0.0, 0.25, 0.5, 0.75, 1.0});
  CHECK(curve.axes[1].labels == std::vector<std::string>{"as trained", "aligned"});
}

TEST_CASE("linear_mode_connectivity: a scrambled copy stands behind a barrier that alignment removes", "[plugin][eval.linear_mode_connectivity][known-value]") {
  KeepingRecorder recorder;
  const Model model = random_model(tiny_spec(), 3, 4.0);  // sharp enough that the midpoint of two bases is another model
  const Model copy = scrambled(model, 5);
  const auto rows = rows_of({made_up_source("a", model), made_up_source("b", copy, model)}, recorder);
  CHECK(std::abs(row_of(rows, "a - b", "barrier").value) > 0.01);
  CHECK(row_of(rows, "a - b", "barrier_aligned").value == Approx(0.0).margin(1e-6));
  const auto& curve = recorder.arrays.at("bits_per_byte").values;
  CHECK(curve[0] == Approx(curve[4]).epsilon(1e-4));  // both ends are the same function
}

TEST_CASE("linear_mode_connectivity: a second pair of equal barrier makes the mean over pairs no more certain", "[plugin][eval.linear_mode_connectivity][known-value]") {
  KeepingRecorder recorder;
  const Model b = random_model(tiny_spec(), 4, 4.0);
  const auto rows = rows_of({made_up_source("a", random_model(tiny_spec(), 3, 4.0)), made_up_source("b", b), made_up_source("c", b)}, recorder);
  for (const char* metric : {"barrier", "barrier_aligned"}) {
    const EvalRow &one = row_of(rows, "a - b", metric), &mean = row_of(rows, "mean over pairs", metric);
    REQUIRE(one.std_error > 0.0);
    CHECK(mean.value == Approx(one.value));
    CHECK(mean.std_error == Approx(one.std_error));
    CHECK(mean.n == one.n);
  }
}

TEST_CASE("linear_mode_connectivity: both barriers are those of the recorded curve, with an error", "[plugin][eval.linear_mode_connectivity][known-value]") {
  KeepingRecorder recorder;
  const auto rows = rows_of({made_up_source("a", random_model(tiny_spec(), 3, 4.0)), made_up_source("b", random_model(tiny_spec(), 4, 4.0))}, recorder,
                            ValueMap{{"points", 3}, {"windows", 4}});
  const auto& curve = recorder.arrays.at("bits_per_byte").values;  // as trained, then aligned
  const double ends = (curve[0] + curve[2]) / 2.0;
  const EvalRow &barrier = row_of(rows, "a - b", "barrier"), &midpoint = row_of(rows, "a - b", "midpoint_barrier");
  CHECK(barrier.value == Approx(curve[1] - ends).margin(1e-5));
  CHECK(midpoint.value == Approx(*std::max_element(curve.begin(), curve.begin() + 3) - ends).margin(1e-5));
  CHECK(barrier.std_error > 0.0);
  CHECK(midpoint.std_error > 0.0);
}

TEST_CASE("linear_mode_connectivity: the barrier is the same from either end", "[plugin][eval.linear_mode_connectivity][invariant]") {
  KeepingRecorder one, other;
  const Model a = random_model(tiny_spec(), 3), b = random_model(tiny_spec(), 4);
  const std::vector<EvalSource> sources{made_up_source("a", a), made_up_source("b", b)};
  const auto there = rows_of(sources, one), back = rows_of(sources, other, ValueMap{{"points", 5}, {"windows", 4}, {"batch_size", 3}}, 1);
  CHECK(row_of(there, "a - b", "barrier").value == Approx(row_of(back, "b - a", "barrier").value).margin(1e-5));
  CHECK(row_of(there, "a - b", "midpoint_barrier").value == Approx(row_of(back, "b - a", "midpoint_barrier").value).margin(1e-5));
}

TEST_CASE("linear_mode_connectivity: one source has no line", "[plugin][eval.linear_mode_connectivity][wrong-input]") {
  KeepingRecorder recorder;
  CHECK_THROWS_WITH(rows_of({made_up_source("a", random_model(tiny_spec(), 3))}, recorder), Contains("got 1 sources, expected at least two"));
  CHECK_THAT(refusal_of("eval", "linear_mode_connectivity", ValueMap{{"points", 2}}), Contains("points") && Contains("expected at least 3"));
}

TEST_CASE("linear_mode_connectivity: keeps the plugin contract", "[plugin][eval.linear_mode_connectivity][contract]") { check_contract("eval", "linear_mode_connectivity"); }
