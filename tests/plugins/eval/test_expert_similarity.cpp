// eval.expert_similarity.
#include "tests/plugins/eval/eval_fixture.hpp"

#include "core/model/decoder_parameters.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

struct Outcome {
  std::vector<EvalRow> rows;
  KeepingRecorder recorder;
};

Outcome evaluate(const Model& model, const std::vector<EvalDomain>& domains, const Value& params = ValueMap{}) {
  const LanguageModel language_model(model, std::make_shared<ObedientRouter>(10));
  Outcome outcome;
  outcome.rows = make_plugin<Eval>("expert_similarity", params)->evaluate({language_model, &language_model}, domains, eval_context(outcome.recorder));
  return outcome;
}

std::vector<EvalDomain> two_domains() { return {made_up_domain("a", 0, 30, 20), made_up_domain("b", 30, 30, 20), made_up_domain("far", 0, 60, 20, true)}; }

/// The model with tensors of layer 0 replaced.
Model with(const Model& model, const std::function<void(TensorMap&, const std::string&)>& change) {
  TensorMap tensors = load_all(*model.tensors);
  change(tensors, layer_prefix(0) + "mlp.experts.");
  return {model.spec, std::make_shared<MemorySource>(tensors, "changed"), "changed"};
}

float cka(const Outcome& outcome, const char* kind, std::size_t expert, std::size_t other) {
  return outcome.recorder.arrays.at(kind).values[expert * 3 + other];  // layer 0 of three experts
}

}  // namespace

TEST_CASE("expert_similarity: a copy of an expert is the same function", "[plugin][eval.expert_similarity][known-value]") {
  const Model model = with(routerless_moe(3, 1), [](TensorMap& tensors, const std::string& prefix) {
    for (const char* name : {"gate", "up", "down"})
      tensors[prefix + "1." + name + "_proj.weight"] = tensors[prefix + "0." + name + "_proj.weight"].clone();
  });
  const Outcome outcome = evaluate(model, two_domains());
  for (const char* kind : {"output_cka", "hidden_cka"}) {
    CHECK(cka(outcome, kind, 0, 1) == Approx(1.0));
    CHECK(cka(outcome, kind, 0, 0) == Approx(1.0));
    CHECK(cka(outcome, kind, 0, 2) < 0.95f);
    CHECK(cka(outcome, kind, 0, 2) == cka(outcome, kind, 2, 0));
    const double mean = (cka(outcome, kind, 0, 1) + cka(outcome, kind, 0, 2) + cka(outcome, kind, 1, 2)) / 3.0;
    CHECK(row_of(outcome.rows, "layer 0", kind).value == Approx(mean).epsilon(1e-5));
  }
}

TEST_CASE("expert_similarity: n and d are recorded and out-of-distribution text is left out", "[plugin][eval.expert_similarity][known-value]") {
  const Outcome outcome = evaluate(routerless_moe(3, 1), two_domains(), ValueMap{{"tokens", 200}});
  CHECK(outcome.recorder.scalars.at("tokens") == 5 * 2 * 17);  // five windows of 17 tokens of each of two domains
  CHECK(outcome.recorder.scalars.at("batches") == 5);
  CHECK(outcome.recorder.scalars.at("output_features") == 32);
  CHECK(outcome.recorder.scalars.at("hidden_features") == 48);
  CHECK(row_of(outcome.rows, "layer 1", "hidden_cka").n == 170);
  CHECK(outcome.recorder.arrays.at("hidden_cka").values.size() == 2 * 3 * 3);
}

TEST_CASE("expert_similarity: permuting and flipping hidden neurons changes nothing", "[plugin][eval.expert_similarity][invariant]") {
  const Model model = routerless_moe(3, 2);
  const Model permuted = with(model, [](TensorMap& tensors, const std::string& prefix) {
    const auto order = Random(3, "order").permutation(48);
    const torch::Tensor perm = torch::tensor(order, torch::kLong);
    const torch::Tensor sign = torch::where(torch::arange(48) % 2 == 0, torch::ones({48}), -torch::ones({48}));
    torch::Tensor& gate = tensors[prefix + "1.gate_proj.weight"];
    torch::Tensor& up = tensors[prefix + "1.up_proj.weight"];
    torch::Tensor& down = tensors[prefix + "1.down_proj.weight"];
    gate = gate.index_select(0, perm);
    up = up.index_select(0, perm) * sign.unsqueeze(1);
    down = down.index_select(1, perm) * sign.unsqueeze(0);
  });
  const Outcome before = evaluate(model, two_domains()), after = evaluate(permuted, two_domains());
  for (const char* kind : {"output_cka", "hidden_cka"})
    for (std::size_t other : {0, 2}) CHECK(cka(after, kind, 1, other) == Approx(cka(before, kind, 1, other)).margin(1e-5));
}

TEST_CASE("expert_similarity: rotating an expert's output keeps its CKA, stretching it does not", "[plugin][eval.expert_similarity][invariant]") {
  const Model model = routerless_moe(3, 4);
  const auto with_output = [&](const torch::Tensor& map_DD) {
    return evaluate(with(model, [&](TensorMap& tensors, const std::string& prefix) {
      torch::Tensor& down = tensors[prefix + "1.down_proj.weight"];
      down = map_DD.mm(down);
    }), two_domains());
  };
  const Outcome before = evaluate(model, two_domains());
  const torch::Tensor v = torch::ones({32, 1}) / std::sqrt(32.0);
  CHECK(cka(with_output(2.0 * (torch::eye(32) - 2.0 * v.mm(v.t()))), "output_cka", 1, 0) == Approx(cka(before, "output_cka", 1, 0)).margin(1e-4));
  torch::Tensor stretch = torch::eye(32);
  stretch[0][0] = 20.0;
  CHECK(std::abs(cka(with_output(stretch), "output_cka", 1, 0) - cka(before, "output_cka", 1, 0)) > 0.01);
}

TEST_CASE("expert_similarity: a constant expert has no CKA, one that is not finite is an error that names it", "[plugin][eval.expert_similarity][wrong-input]") {
  const auto with_down = [](double factor) {
    return with(routerless_moe(3, 1), [factor](TensorMap& tensors, const std::string& prefix) {
      torch::Tensor& down = tensors[prefix + "1.down_proj.weight"];
      down = down * factor;
    });
  };
  const Outcome constant = evaluate(with_down(0.0), two_domains());
  CHECK(std::isnan(cka(constant, "output_cka", 1, 0)));
  CHECK_FALSE(has_row(constant.rows, "layer 0", "output_cka"));
  CHECK(has_row(constant.rows, "layer 0", "hidden_cka"));
  CHECK(has_row(constant.rows, "layer 1", "output_cka"));
  CHECK_THROWS_AS(evaluate(with_down(std::nan("")), two_domains()), NumericError);
  CHECK_THROWS_WITH(evaluate(with_down(std::nan("")), two_domains()), Contains("layer 0") && Contains("in the output of expert 1 are not finite"));
  const Model broken = with(routerless_moe(3, 1), [](TensorMap& tensors, const std::string& prefix) {
    torch::Tensor& up = tensors[prefix + "2.up_proj.weight"];
    up = up * std::nan("");
  });
  CHECK_THROWS_WITH(evaluate(broken, two_domains()), Contains("layer 0") && Contains("in the hidden activations of expert 2 are not finite"));
}

TEST_CASE("expert_similarity: applies to several experts only", "[plugin][eval.expert_similarity][wrong-input]") {
  const LanguageModel dense(random_model(tiny_spec(), 1), nullptr);
  const auto suite = make_plugin<Eval>("expert_similarity");
  CHECK_FALSE(suite->applies_to({dense, &dense}));
  KeepingRecorder recorder;
  CHECK_THROWS_WITH(suite->evaluate({dense, &dense}, two_domains(), eval_context(recorder)), Contains("got a model without several experts"));
  CHECK_THROWS_WITH(evaluate(routerless_moe(3, 1), {made_up_domain("x", 0, 9, 2, true)}), Contains("got no in-domain text"));
  CHECK_THAT(refusal_of("eval", "expert_similarity", ValueMap{{"tokens", 0}}), Contains("tokens") && Contains("expected at least 4"));
}

TEST_CASE("expert_similarity: keeps the plugin contract", "[plugin][eval.expert_similarity][contract]") { check_contract("eval", "expert_similarity"); }
