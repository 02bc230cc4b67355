// router_init.normal.
#include "tests/plugins/router_init/router_init_problem.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("normal: rows have the standard deviation that was asked for", "[plugin][router_init.normal][known-value]") {
  for (const double std : {0.02, 1.0}) {
    const torch::Tensor weight = initialise(*make_plugin<RouterInit>("normal", ValueMap{{"std", std}}), {{"weight", {8, 4000}}}, 1).at("weight");
    CHECK(weight.scalar_type() == torch::kFloat32);
    CHECK(weight.std().item<double>() == Approx(std).epsilon(0.02));             // relative standard error 0.004
    CHECK(weight.mean().item<double>() == Approx(0.0).margin(0.03 * std));
    CHECK((weight / std).pow(4).mean().item<double>() == Approx(3.0).epsilon(0.1));  // Gaussian kurtosis
  }
}

TEST_CASE("normal: seed and layer decide, nothing else", "[plugin][router_init.normal][invariant]") {
  const auto normal = make_plugin<RouterInit>("normal");
  const auto rows = [&](std::uint64_t seed, std::int64_t layer) { return initialise(*normal, {{"weight", {4, 6}}}, seed, layer).at("weight"); };
  CHECK(torch::equal(rows(1, 0), rows(1, 0)));
  CHECK_FALSE(torch::equal(rows(1, 0), rows(1, 1)));
  CHECK_FALSE(torch::equal(rows(1, 0), rows(2, 0)));
}

TEST_CASE("normal: fills 'weight' only", "[plugin][router_init.normal][wrong-input]") { check_fills_only_weight(*make_plugin<RouterInit>("normal")); }

TEST_CASE("normal: needs no statistics", "[plugin][router_init.normal][contract]") {
  check_contract("router_init", "normal");
  CHECK_FALSE(make_plugin<RouterInit>("normal")->needs_statistics());
}
