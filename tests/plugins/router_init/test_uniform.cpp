// router_init.uniform.
#include "tests/plugins/router_init/router_init_problem.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("uniform: rows fill the interval of half width scale/sqrt(D)", "[plugin][router_init.uniform][known-value]") {
  for (const double scale : {1.0, 3.0}) {
    const torch::Tensor weight = initialise(*make_plugin<RouterInit>("uniform", ValueMap{{"scale", scale}}), {{"weight", {8, 2500}}}, 1).at("weight");
    const double bound = scale / 50.0;
    CHECK(weight.max().item<double>() <= bound);
    CHECK(weight.max().item<double>() > 0.99 * bound);
    CHECK(weight.min().item<double>() < -0.99 * bound);
    CHECK(weight.std().item<double>() == Approx(bound / std::sqrt(3.0)).epsilon(0.02));
  }
}

TEST_CASE("uniform: seed and layer decide, nothing else", "[plugin][router_init.uniform][invariant]") {
  const auto uniform = make_plugin<RouterInit>("uniform");
  const auto rows = [&](std::uint64_t seed, std::int64_t layer) { return initialise(*uniform, {{"weight", {4, 6}}}, seed, layer).at("weight"); };
  CHECK(torch::equal(rows(1, 0), rows(1, 0)));
  CHECK_FALSE(torch::equal(rows(1, 0), rows(1, 1)));
  CHECK_FALSE(torch::equal(rows(1, 0), rows(2, 0)));
}

TEST_CASE("uniform: scale multiplies the same draws", "[plugin][router_init.uniform][invariant]") {
  const torch::Tensor one = initialise(*make_plugin<RouterInit>("uniform"), {{"weight", {4, 6}}}, 1).at("weight");
  const torch::Tensor two = initialise(*make_plugin<RouterInit>("uniform", ValueMap{{"scale", 2}}), {{"weight", {4, 6}}}, 1).at("weight");
  CHECK(torch::allclose(two, 2 * one, 1e-5, 1e-7));
}

TEST_CASE("uniform: fills 'weight' only", "[plugin][router_init.uniform][wrong-input]") { check_fills_only_weight(*make_plugin<RouterInit>("uniform")); }

TEST_CASE("uniform: needs no statistics", "[plugin][router_init.uniform][contract]") {
  check_contract("router_init", "uniform");
  CHECK_FALSE(make_plugin<RouterInit>("uniform")->needs_statistics());
}
