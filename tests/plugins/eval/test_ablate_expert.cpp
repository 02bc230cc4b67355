// eval.ablate_expert.
#include "tests/plugins/eval/eval_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

std::vector<EvalRow> rows_of(const LanguageModel& model, const std::vector<EvalDomain>& domains, KeepingRecorder& recorder, const Value& params = ValueMap{{"windows", 4}}) {
  Subject subject{model, &model};
  subject.expert_sources = {"a", "b", "c"};
  subject.expert_domains = {"a", "b", "c"};
  return make_plugin<Eval>("ablate_expert", params)->evaluate(subject, domains, eval_context(recorder));
}

/// The model with expert `to` of every layer the same as expert `from`.
Model with_copied_expert(const Model& model, const std::string& from, const std::string& to) {
  TensorMap tensors = load_all(*model.tensors);
  const std::string here = ".experts." + from + ".", there = ".experts." + to + ".";
  for (auto& [name, tensor] : tensors)
    if (const auto at = name.find(there); at != std::string::npos) tensor = tensors.at(std::string(name).replace(at, there.size(), here));
  return {model.spec, std::make_shared<MemorySource>(tensors, "copies"), "copies"};
}

/// Sends every token to experts 0, 1 and 2 with weights 1/2, 1/4 and 1/4.
class SharingRouter final : public Router {
 public:
  RouterProperties properties() const override { return {}; }
  std::int64_t choices_per_token(std::int64_t) const override { return 3; }
  std::vector<RouterParameter> parameters(const ModelSpec&) const override { return {}; }
  RouterOutput route(const RouterInput& input, const TensorMap&) const override {
    const std::int64_t num_tokens = input.hidden_TD.size(0);
    RouterOutput output;
    output.choices_TK = torch::tensor({0, 1, 2}, torch::kLong).expand({num_tokens, 3}).contiguous();
    output.weights_TK = torch::tensor({0.5f, 0.25f, 0.25f}).expand({num_tokens, 3}).contiguous();
    return output;
  }
};

}  // namespace

TEST_CASE("ablate_expert: only experts that a domain's tokens go to matter to it", "[plugin][eval.ablate_expert][known-value]") {
  // Tokens below 20 go to expert 0 and, with a quarter, to expert 1; expert 2 never sees them.
  const LanguageModel model(routerless_moe(3, 7), std::make_shared<ObedientRouter>(20));
  KeepingRecorder recorder;
  const auto rows = rows_of(model, {made_up_domain("a", 0, 20, 4)}, recorder);
  CHECK(row_of(rows, "a", "without_expert_2").value == 0.0);
  CHECK(row_of(rows, "a", "without_expert_2").std_error == 0.0);
  CHECK(row_of(rows, "a", "without_expert_0").value != 0.0);
  CHECK(row_of(rows, "a", "without_expert_1").value != 0.0);
  CHECK(row_of(rows, "a", "without_expert_0").n == 4);
  CHECK(row_of(rows, "in_domain", "own_effect").value == row_of(rows, "a", "without_expert_0").value);
  CHECK(row_of(rows, "in_domain", "other_effect").value == Approx(row_of(rows, "a", "without_expert_1").value / 2));
  CHECK(recorder.arrays.at("effect").values.size() == 3);
}

TEST_CASE("ablate_expert: among equal experts none is missed", "[plugin][eval.ablate_expert][known-value]") {
  const Model copies = with_copied_expert(with_copied_expert(routerless_moe(3, 7), "0", "1"), "0", "2");
  const LanguageModel model(copies, std::make_shared<ObedientRouter>(20));
  KeepingRecorder recorder;
  for (const EvalRow& row : rows_of(model, {made_up_domain("a", 0, 60, 4)}, recorder)) CHECK(row.value == Approx(0.0).margin(1e-5));
}

TEST_CASE("ablate_expert: a second expert of equal effect makes the mean over experts no more certain", "[plugin][eval.ablate_expert][known-value]") {
  const LanguageModel model(with_copied_expert(routerless_moe(3, 7), "1", "2"), std::make_shared<SharingRouter>());
  KeepingRecorder recorder;
  const auto rows = rows_of(model, {made_up_domain("a", 0, 60, 4), made_up_domain("x", 0, 60, 3)}, recorder);
  const EvalRow &one = row_of(rows, "a", "without_expert_1"), &other = row_of(rows, "a", "without_expert_2"), &mean = row_of(rows, "in_domain", "other_effect");
  REQUIRE(one.std_error > 0.0);
  REQUIRE(other.value == Approx(one.value).epsilon(1e-3));
  CHECK(mean.value == Approx(one.value).epsilon(1e-3));
  CHECK(mean.std_error == Approx(one.std_error).epsilon(1e-3));  // rounding aside; as independent experts it would be smaller by sqrt(2)
  CHECK(mean.n == 4);
  CHECK(recorder.arrays.at("windows").values == std::vector<float>{4, 3});
}

TEST_CASE("ablate_expert: batch size and other domains change nothing", "[plugin][eval.ablate_expert][invariant]") {
  const LanguageModel model(routerless_moe(3, 9), std::make_shared<ObedientRouter>(20));
  const EvalDomain a = made_up_domain("a", 0, 60, 5), b = made_up_domain("b", 20, 20, 5);
  KeepingRecorder one, two, three;
  const double alone = row_of(rows_of(model, {a}, one), "a", "without_expert_1").value;
  CHECK(row_of(rows_of(model, {b, a}, two), "a", "without_expert_1").value == alone);
  CHECK(row_of(rows_of(model, {a}, three, ValueMap{{"windows", 4}, {"batch_size", 3}}), "a", "without_expert_1").value == Approx(alone).margin(1e-5));
}

TEST_CASE("ablate_expert: a dense model has no expert to remove", "[plugin][eval.ablate_expert][wrong-input]") {
  const LanguageModel model(random_model(tiny_spec(), 5), nullptr);
  KeepingRecorder recorder;
  CHECK_FALSE(make_plugin<Eval>("ablate_expert")->applies_to({model, &model}));
  CHECK_THROWS_WITH(rows_of(model, {made_up_domain("a", 0, 20, 4)}, recorder), Contains("got a model without several experts"));
}

TEST_CASE("ablate_expert: keeps the plugin contract", "[plugin][eval.ablate_expert][contract]") { check_contract("eval", "ablate_expert"); }
