// edit.repair: standard deviations and means that come out as the sources have them.
#include "tests/plugins/edit/edit_problem.hpp"

#include "core/model/layer_streamed.hpp"
#include "core/model/rms_norm.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

std::vector<Model> two_sources(bool bias) {
  const ModelSpec spec = tiny_spec({.qkv_bias = bias});
  return {random_model(spec, 1), random_model(spec, 2)};
}

/// Outputs of one projection of layer 1 on the tokens of the fit, first positions left out, by an independent computation: [T, rows].
torch::Tensor outputs(const Model& model, const char* projection) {
  class Inputs final : public Tap {
   public:
    bool wants(Site site, std::int64_t layer) const override { return site == Site::residual_in && layer == 1; }
    void record(Site, std::int64_t, std::int64_t, const torch::Tensor& given, const torch::Tensor&) override { values.push_back(given.clone()); }
    std::vector<torch::Tensor> values;
  } tap;
  const torch::NoGradGuard no_grad;
  LayerStreamed stream(model, random_tokens(8, 32, model.spec.vocab_size, 5), model.spec.moe ? plugin_registry().create<Router>(model.spec.moe->router) : nullptr);
  run_all(stream, &tap);
  const std::string prefix = "model.layers.1.", name = prefix + "self_attn." + projection;
  torch::Tensor normed = rms_norm_plain(torch::cat(tap.values), model.tensors->get(prefix + "input_layernorm.weight"), model.spec.norm_eps);
  torch::Tensor result = normed.mm(model.tensors->get(name + ".weight").t());
  if (model.tensors->find(name + ".bias")) result = result + model.tensors->get(name + ".bias");
  return result.reshape({8, 32, -1}).narrow(1, 1, 31).flatten(0, 1).to(torch::kFloat64);
}

torch::Tensor spread(const torch::Tensor& values_TR) { return values_TR.std(0, /*unbiased=*/false); }

}  // namespace

TEST_CASE("repair: value rows get the sources' mean standard deviation, and with a bias their mean too", "[plugin][edit.repair][known-value]") {
  for (const bool bias : {false, true}) {
    CAPTURE(bias);
    const auto sources = two_sources(bias);
    const Model model = merged(sources, false);
    const Edited result = edited("repair", ValueMap{{"largest", 100}}, model, sources);
    const torch::Tensor a = outputs(sources[0], "v_proj"), b = outputs(sources[1], "v_proj"), fixed = outputs(result.model, "v_proj");
    CHECK(torch::allclose(spread(fixed), (spread(a) + spread(b)) / 2, 1e-3, 0));
    CHECK_FALSE(torch::allclose(spread(outputs(model, "v_proj")), (spread(a) + spread(b)) / 2, 1e-1, 0));
    if (bias) CHECK(torch::allclose(fixed.mean(0), (a.mean(0) + b.mean(0)) / 2, 1e-3, 1e-4));
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
    const Edited result = edited("repair", ValueMap{}, merged(sources, dense), sources);
    for (const auto& [name, tensor] : result.learned) {
      CAPTURE(name);
      CHECK((name.ends_with(".scale") ? tensor - 1 : tensor).abs().max().item<double>() < 1e-4);
    }
  }
}

TEST_CASE("repair: a merge without sources and factors below one are refused", "[plugin][edit.repair][wrong-input]") {
  CHECK_THROWS_WITH(edited("repair", ValueMap{}, random_model(tiny_spec(), 1), {}), Catch::Contains("edit.repair: there are no sources"));
  CHECK_THROWS_WITH(make_plugin<Edit>("repair", ValueMap{{"largest", 0.5}}), Catch::Contains("largest"));
}

TEST_CASE("repair: keeps the plugin contract", "[plugin][edit.repair][contract]") { check_contract("edit", "repair"); }
