// edit.repair: standard deviations and means that come out as the sources have them.
#include "tests/plugins/edit/edit_problem.hpp"

#include <algorithm>
#include <map>

#include "core/model/rms_norm.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

std::vector<Model> two_sources(bool bias) {
  const ModelSpec spec = tiny_spec({.qkv_bias = bias});
  return {random_model(spec, 1), random_model(spec, 2)};
}

/// Outputs of one projection, first positions left out, by an independent computation: [T, rows].
torch::Tensor outputs(const Model& model, std::int64_t layer, const std::string& projection) {
  const torch::NoGradGuard no_grad;
  const std::string prefix = layer_prefix(layer), name = prefix + "self_attn." + projection;
  torch::Tensor result = shown(model, projection == "o_proj" ? Site::attention_out : Site::residual_in, layer);
  if (projection != "o_proj")
    result = rms_norm_plain(result, model.tensors->get(prefix + "input_layernorm.weight"), model.spec.norm_eps).mm(model.tensors->get(name + ".weight").t());
  if (model.tensors->find(name + ".bias")) result = result + model.tensors->get(name + ".bias");
  return result.reshape({8, 32, -1}).narrow(1, 1, 31).flatten(0, 1).to(torch::kFloat64);
}

/// Standard deviations of rows; of query and key rows those of a rotary pair in all heads of a KV group as one: 2 groups, heads of two halves of 4.
torch::Tensor spread(const torch::Tensor& values_TR, const std::string& projection) {
  const torch::Tensor variance_R = values_TR.std(0, /*unbiased=*/false).square();
  if (projection == "v_proj" || projection == "o_proj") return variance_R.sqrt();
  return variance_R.reshape({2, -1, 2, 4}).mean(std::vector<std::int64_t>{1, 2}).sqrt();
}

/// Largest distance of a scale from 1 or of a shift from 0.
double largest_change(const TensorMap& learned) {
  double largest = 0;
  for (const auto& [name, tensor] : learned) largest = std::max(largest, (name.ends_with(".scale") ? tensor - 1 : tensor).abs().max().item<double>());
  return largest;
}

/// One source's tensors, FFNs too, by fusion.
Model donated(const std::vector<Model>& sources, std::size_t donor) {
  AssembleProblem problem;
  problem.sources = sources;
  const std::shared_ptr<const Fusion> method = make_plugin<Fusion>("donor", ValueMap{{"source", sources[donor].name}});
  for (const TensorKind kind : {TensorKind::embedding, TensorKind::attention, TensorKind::norm, TensorKind::lm_head, TensorKind::ffn}) problem.fusion[kind] = method;
  return assemble(std::move(problem), "donated");
}

/// The model with rows of projections of layer 1 set to 0.
Model with_zero_rows(const Model& model, const std::map<std::string, std::vector<std::int64_t>>& rows) {
  TensorMap tensors = load_all(*model.tensors);
  for (const auto& [projection, indices] : rows) {
    torch::Tensor& tensor = tensors.at("model.layers.1.self_attn." + projection + ".weight");
    tensor = tensor.index_fill(0, torch::tensor(indices, torch::kInt64), 0);
  }
  return {model.spec, std::make_shared<MemorySource>(tensors, model.name), model.name};
}

void check_targets(const std::vector<Model>& sources, double weight_of_first, const Model& before, const Model& after, bool bias) {
  for (const std::int64_t layer : {0, 1})
    for (const std::string projection : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      CAPTURE(layer, projection);
      const torch::Tensor a = outputs(sources[0], layer, projection), b = outputs(sources[1], layer, projection), fixed = outputs(after, layer, projection);
      const auto weighed = [&](const torch::Tensor& of_a, const torch::Tensor& of_b) { return weight_of_first * of_a + (1 - weight_of_first) * of_b; };
      const torch::Tensor wanted = weighed(spread(a, projection), spread(b, projection));
      CHECK(torch::allclose(spread(fixed, projection), wanted, 1e-3, 0));
      CHECK_FALSE(torch::allclose(spread(outputs(before, layer, projection), projection), wanted, 1e-1, 0));
      if (bias && projection != "o_proj") CHECK(torch::allclose(fixed.mean(0), weighed(a.mean(0), b.mean(0)), 1e-3, 1e-4));
    }
}

}  // namespace

TEST_CASE("repair: every projection gets the sources' weighted standard deviations, and with a bias their means", "[plugin][edit.repair][known-value]") {
  for (const bool bias : {false, true}) {
    CAPTURE(bias);
    const auto sources = two_sources(bias);
    const Model model = merged(sources, false);
    check_targets(sources, 0.5, model, edited("repair", ValueMap{{"largest", 100}}, model, sources).model, bias);
    check_targets(sources, 0.75, model, edited("repair", ValueMap{{"largest", 100}, {"weights", ValueList{3, 1}}}, model, sources).model, bias);
  }
}

TEST_CASE("repair: a row that answers every token the same has factor 1", "[plugin][edit.repair][known-value]") {
  for (const bool bias : {false, true}) {
    CAPTURE(bias);
    // Rows 1, 5, 9 and 13 of q are the second rotary pair of both heads of the first group: what shares one factor.
    const std::map<std::string, std::vector<std::int64_t>> zero{{"q_proj", {1, 5, 9, 13}}, {"k_proj", {2, 6}}, {"v_proj", {5}}, {"o_proj", {3}}};
    std::vector<Model> sources = two_sources(bias);
    for (Model& source : sources) source = with_zero_rows(source, zero);
    const TensorMap learned = edited("repair", ValueMap{{"largest", 100}}, merged(sources, false), sources).learned;
    for (const auto& [name, tensor] : learned) {
      CAPTURE(name);
      CHECK(torch::isfinite(tensor).all().item<bool>());
    }
    for (const auto& [projection, rows] : zero) {
      const torch::Tensor factor_R = learned.at("model.layers.1.self_attn." + projection + ".weight.scale");
      CHECK(factor_R.mean().item<double>() > 1.1);
      for (const std::int64_t row : rows) {
        CAPTURE(projection, row);
        CHECK(factor_R[row].item<double>() == 1);
      }
    }
  }
}

TEST_CASE("repair: query and key rows of a rotary pair and KV group share a factor", "[plugin][edit.repair][invariant]") {
  const auto sources = two_sources(true);
  const Edited result = edited("repair", ValueMap{}, merged(sources, false), sources);
  const torch::Tensor factors = result.learned.at("model.layers.0.self_attn.q_proj.weight.scale").reshape({2, 2, 2, 4});
  CHECK(torch::equal(factors, factors.narrow(1, 0, 1).narrow(2, 0, 1).expand_as(factors)));
  CHECK(factors.max().item<double>() <= 2);
  CHECK(factors.min().item<double>() >= 0.5);
  CHECK(result.learned.contains("model.layers.1.self_attn.o_proj.weight.scale"));
  CHECK(torch::equal(result.model.tensors->get("model.layers.0.mlp.experts.1.up_proj.weight"), sources[1].tensors->get("model.layers.0.mlp.up_proj.weight")));
}

TEST_CASE("repair: a merge of one model with itself needs none", "[plugin][edit.repair][invariant]") {
  const Model source = random_model(tiny_spec({.qkv_bias = true}), 3);
  for (const bool dense : {false, true}) {
    CAPTURE(dense);
    const std::vector<Model> sources{source, source};
    CHECK(largest_change(edited("repair", ValueMap{}, merged(sources, dense), sources).learned) < 1e-4);
  }
}

TEST_CASE("repair: a second time it changes nothing", "[plugin][edit.repair][invariant]") {
  for (const bool bias : {false, true}) {
    CAPTURE(bias);
    const auto sources = two_sources(bias);
    const Edited once = edited("repair", ValueMap{{"largest", 100}}, merged(sources, false), sources);
    CHECK(largest_change(once.learned) > 0.1);
    CHECK(largest_change(edited("repair", ValueMap{{"largest", 100}}, once.model, sources).learned) < 1e-4);
  }
}

TEST_CASE("repair: a merge that is one source needs none under that source's weight alone", "[plugin][edit.repair][invariant]") {
  const auto sources = two_sources(true);
  const Model model = donated(sources, 1);
  CHECK(largest_change(edited("repair", ValueMap{{"weights", ValueList{0, 1}}}, model, sources).learned) < 1e-6);
  CHECK(largest_change(edited("repair", ValueMap{{"weights", ValueList{1, 0}}}, model, sources).learned) > 1e-2);
  CHECK(largest_change(edited("repair", ValueMap{}, model, sources).learned) > 1e-2);
}

TEST_CASE("repair: a merge without sources, weights that do not fit and factors below one are refused", "[plugin][edit.repair][wrong-input]") {
  CHECK_THROWS_WITH(edited("repair", ValueMap{}, random_model(tiny_spec(), 1), {}), Catch::Contains("edit.repair: there are no sources"));
  CHECK_THROWS_WITH(make_plugin<Edit>("repair", ValueMap{{"largest", 0.5}}), Catch::Contains("largest"));
  const auto sources = two_sources(false);
  const Model model = merged(sources, false);
  const auto repaired = [&](const ValueList& weights) { edited("repair", ValueMap{{"weights", weights}}, model, sources); };
  CHECK_THROWS_WITH(repaired({1, 1, 1}), Catch::Contains("edit.repair: weights has 3 entries, there are 2 sources (random1, random2); expected one a source"));
  CHECK_THROWS_AS(repaired({1, 1, 1}), ConfigError);
  CHECK_THROWS_WITH(repaired({0, 0}), Catch::Contains("edit.repair: the weights sum to 0"));
  CHECK_THROWS_AS(repaired({0, 0}), ConfigError);
  CHECK_THAT(refusal_of("edit", "repair", ValueMap{{"weights", ValueList{2, -1}}}), Catch::Contains("edit.repair: weights") && Catch::Contains("at least 0"));
}

TEST_CASE("repair: keeps the plugin contract", "[plugin][edit.repair][contract]") { check_contract("edit", "repair"); }
