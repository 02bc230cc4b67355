// What every stage maker is given: routers that a language model can have, and edits that draw.
#include "tests/plugins/plugin_fixture.hpp"

#include "core/pipeline/builder.hpp"
#include "core/pipeline/edits.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

StageBuilder builder_of(const PluginRegistry& registry, std::vector<Method> edits = {}) {
  auto experiment = std::make_shared<Experiment>();
  experiment->edits = std::move(edits);
  experiment->sources.anchor = std::string("alpha");
  experiment->sources.models.emplace_back("alpha", SourceModel{});
  return {experiment, registry, {}};
}

/// The share of the numbers of a tensor that are the same in both models.
double share_of_equal(const Model& a, const Model& b, const char* tensor) {
  return (a.tensors->get(tensor) == b.tensors->get(tensor)).to(torch::kFloat64).mean().item<double>();
}

}  // namespace

TEST_CASE("builder: a router whose choices depend on later tokens is refused", "[core][pipeline]") {
  const auto registry = PluginRegistry::load({SYMPHONY_BINARY_DIR "/pipeline_plugins"});
  TinyOptions options;
  options.num_experts = 4;
  ModelSpec spec = tiny_spec(options);
  spec.moe->router = {"expert_choice", ValueMap{}};
  CHECK_THROWS_WITH(builder_of(registry).router_for(spec), "router.expert_choice: its choices depend on later tokens, which a language model that is scored or "
                                                           "decoded token by token cannot know; expected a causal router");
  spec.moe.reset();
  CHECK(builder_of(registry).router_for(spec) == nullptr);
}

TEST_CASE("edits: one that is listed twice draws anew", "[core][pipeline]") {
  const TemporaryFolder nothing_learned;
  const Model model = random_model(tiny_spec(), 1);
  const std::vector<Model> aligned{model};
  const EditSetting setting{aligned, {}, {}};
  const Method one_ulp{"one_ulp", ValueMap{}};
  const auto edited = [&](std::vector<Method> edits) { return apply_edits(builder_of(plugin_registry(), std::move(edits)), model, setting, nothing_learned.path()); };
  const Model once = edited({one_ulp}), twice = edited({one_ulp, one_ulp});
  constexpr const char* kTensor = "model.layers.0.mlp.gate_proj.weight";
  CHECK(share_of_equal(model, once, kTensor) == 0.0);
  // Up and down again, or down and up: half of the numbers. Drawn alike, none.
  CHECK(share_of_equal(model, twice, kTensor) == Approx(0.5).margin(0.1));
}
