// edit.one_ulp.
#include <cmath>
#include <limits>

#include "core/plugin/edit.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

Model edited(const Model& model, std::int64_t draw, std::uint64_t seed = 5) {
  const std::vector<Model> sources;
  Context context;
  context.seed = seed;
  return make_plugin<Edit>("one_ulp", ValueMap{{"draw", draw}})->edit({model, sources, 0}, context);
}

}  // namespace

TEST_CASE("one_ulp: every weight becomes its neighbour above or below", "[plugin][edit.one_ulp][known-value]") {
  const torch::Tensor given = torch::tensor({1.0F, -2.0F, 0.5F, 1e-20F});
  const Model model{ModelSpec{}, std::make_shared<MemorySource>(TensorMap{{"w", given}}, "small"), "merged"};
  const torch::Tensor moved = edited(model, 1).tensors->get("w");
  for (std::int64_t entry = 0; entry < given.numel(); ++entry) {
    const float before = given[entry].item<float>(), after = moved[entry].item<float>();
    const bool neighbour = after == std::nextafter(before, INFINITY) || after == std::nextafter(before, -INFINITY);
    CHECK(neighbour);
  }
}

TEST_CASE("one_ulp: a draw is a function of its number and the seed", "[plugin][edit.one_ulp][invariant]") {
  const Model model = random_model(tiny_spec(), 3);
  const std::string name = "model.layers.0.mlp.up_proj.weight";
  const torch::Tensor first = edited(model, 1).tensors->get(name);
  CHECK(torch::equal(first, edited(model, 1).tensors->get(name)));
  CHECK_FALSE(torch::equal(first, edited(model, 2).tensors->get(name)));
  CHECK_FALSE(torch::equal(first, edited(model, 1, 6).tensors->get(name)));
}

TEST_CASE("one_ulp: draws count from one", "[plugin][edit.one_ulp][wrong-input]") {
  CHECK_THROWS_WITH((make_plugin<Edit>("one_ulp", ValueMap{{"draw", 0}})), Catch::Contains("draw: got 0, expected at least 1"));
}

TEST_CASE("one_ulp: keeps the plugin contract", "[plugin][edit.one_ulp][contract]") { check_contract("edit", "one_ulp"); }
