// edit.expert_scale: experts as loud as their sources' FFNs.
#include "tests/plugins/edit/edit_problem.hpp"

#include <algorithm>
#include <cmath>

using namespace symphony;
using namespace symphony::testing;

namespace {

constexpr const char* kDown = "model.layers.1.mlp.experts.1.down_proj.weight";

std::vector<Model> two_sources() { return {random_model(tiny_spec(), 1), random_model(tiny_spec(), 2)}; }

/// The source with every down projection multiplied.
Model louder(const Model& model, double factor) {
  TensorMap tensors = load_all(*model.tensors);
  for (auto& [name, tensor] : tensors)
    if (name.ends_with("down_proj.weight")) tensor = tensor * factor;
  return {model.spec, std::make_shared<MemorySource>(tensors, model.name), model.name};
}

/// First positions left out.
double rms(const torch::Tensor& values_TD) {
  return values_TD.reshape({8, 32, -1}).narrow(1, 1, 31).to(torch::kFloat64).square().mean().sqrt().item<double>();
}

/// An expert's answer to any token, whether it is routed there or not.
torch::Tensor answer(const Model& model, std::int64_t layer, std::size_t expert, const torch::Tensor& input_TD) {
  const auto weight = [&](const char* name) { return model.tensors->get(fmt::format("{}mlp.experts.{}.{}_proj.weight", layer_prefix(layer), expert, name)); };
  return (torch::silu(input_TD.mm(weight("gate").t())) * input_TD.mm(weight("up").t())).mm(weight("down").t());
}

}  // namespace

TEST_CASE("expert_scale: a given factor multiplies every down projection", "[plugin][edit.expert_scale][known-value]") {
  const auto sources = two_sources();
  const Model model = merged(sources, false);
  const Edited result = edited("expert_scale", ValueMap{{"factor", 2.0}}, model, sources);
  CHECK(torch::equal(result.model.tensors->get(kDown), model.tensors->get(kDown) * 2));
  CHECK(torch::equal(result.model.tensors->get("model.layers.1.mlp.experts.1.up_proj.weight"), model.tensors->get("model.layers.1.mlp.experts.1.up_proj.weight")));
}

TEST_CASE("expert_scale: experts of one model in its own backbone keep their size", "[plugin][edit.expert_scale][known-value]") {
  const Model source = random_model(tiny_spec(), 3);
  const std::vector<Model> sources{source, source};
  for (const auto& [name, factor] : edited("expert_scale", ValueMap{}, merged(sources, false), sources).learned) {
    CAPTURE(name);
    CHECK(factor.item<double>() == Approx(1).epsilon(1e-4));
  }
}

TEST_CASE("expert_scale: in every layer of the edited model experts are as loud as their sources' FFNs", "[plugin][edit.expert_scale][known-value]") {
  const auto sources = two_sources();
  // One expert is a fifth as loud as the FFN that it has to match, so that layer 1 reads another stream once layer 0 is scaled.
  const Model model = merged({louder(sources[0], 0.2), sources[1]}, false);
  const Model result = edited("expert_scale", ValueMap{{"largest", 100}}, model, sources).model;
  double off_the_unscaled_stream = 0;
  for (const std::int64_t layer : {0, 1}) {
    const torch::Tensor input_TD = shown(result, Site::ffn_in, layer), unscaled_TD = shown(model, Site::ffn_in, layer);
    for (const std::size_t expert : {0u, 1u}) {
      CAPTURE(layer, expert);
      const double wanted = rms(shown(sources[expert], Site::ffn_out, layer));
      CHECK(rms(answer(result, layer, expert, input_TD)) == Approx(wanted).epsilon(1e-4));
      if (layer == 1) off_the_unscaled_stream = std::max(off_the_unscaled_stream, std::abs(rms(answer(result, layer, expert, unscaled_TD)) / wanted - 1));
    }
  }
  // Ten times what is accepted above: a fit that forgot to scale layer 0 first would be seen.
  CHECK(off_the_unscaled_stream > 1e-3);
}

TEST_CASE("expert_scale: a quieter expert is raised by as much, within the limit", "[plugin][edit.expert_scale][invariant]") {
  const auto sources = two_sources();
  const Model model = merged(sources, false);
  std::vector<Model> louder_sources = sources;
  const auto first = edited("expert_scale", ValueMap{{"largest", 100}}, model, sources).learned;
  // The first layer reads the same stream in both, so the factor follows the source's size alone.
  louder_sources[1] = louder(sources[1], 3);
  const auto second = edited("expert_scale", ValueMap{{"largest", 100}}, model, louder_sources).learned;
  const std::string name = "model.layers.0.mlp.experts.1.down_proj.weight.scale";
  CHECK(second.at(name).item<double>() == Approx(3 * first.at(name).item<double>()).epsilon(1e-4));
  for (const auto& [key, factor] : edited("expert_scale", ValueMap{{"largest", 1.25}}, model, louder_sources).learned) {
    CAPTURE(key);
    CHECK(factor.item<double>() <= 1.25);
    CHECK(factor.item<double>() >= 0.8);
  }
}

TEST_CASE("expert_scale: a dense model and a factor of zero are refused", "[plugin][edit.expert_scale][wrong-input]") {
  const auto sources = two_sources();
  CHECK_THROWS_WITH(edited("expert_scale", ValueMap{}, merged(sources, true), sources), Catch::Contains("edit.expert_scale: model 'merged' is dense"));
  CHECK_THROWS_WITH(make_plugin<Edit>("expert_scale", ValueMap{{"factor", 0.0}}), Catch::Contains("factor"));
}

TEST_CASE("expert_scale: keeps the plugin contract", "[plugin][edit.expert_scale][contract]") { check_contract("edit", "expert_scale"); }
