// edit.identity.
#include "core/plugin/edit.hpp"
#include "tests/plugins/plugin_fixture.hpp"

using namespace symphony;

namespace {
Model small_model() {
  ModelSpec spec;
  spec.hidden_size = 2;
  return {spec, std::make_shared<MemorySource>(TensorMap{{"model.norm.weight", torch::ones({2})}}, "small"), "merged"};
}
}  // namespace

TEST_CASE("identity: the same tensors under the same names", "[plugin][edit.identity][known-value]") {
  const Model model = small_model();
  const std::vector<Model> sources;
  const Model edited = make_plugin<Edit>("identity")->edit({model, sources, 0}, Context{});
  CHECK(edited.spec == model.spec);
  CHECK(edited.name == "merged");
  CHECK(torch::equal(edited.tensors->get("model.norm.weight"), torch::ones({2})));
}

TEST_CASE("identity: twice is once", "[plugin][edit.identity][invariant]") {
  const Model model = small_model();
  const std::vector<Model> sources;
  const auto edit = make_plugin<Edit>("identity");
  const Model once = edit->edit({model, sources, 0}, Context{}), twice = edit->edit({once, sources, 0}, Context{});
  CHECK(twice.tensors == model.tensors);
}

TEST_CASE("identity: takes no parameters", "[plugin][edit.identity][wrong-input]") {
  CHECK_THROWS_WITH(make_plugin<Edit>("identity", ValueMap{{"scale", 2}}), Catch::Contains("unknown key 'scale'"));
}

TEST_CASE("identity: keeps the plugin contract", "[plugin][edit.identity][contract]") { check_contract("edit", "identity"); }
