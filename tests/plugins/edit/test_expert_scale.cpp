// edit.expert_scale: experts as loud as their sources' FFNs.
#include "tests/plugins/edit/edit_problem.hpp"

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
