// router.switch.
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/plugins/router/router_properties.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("switch: one expert, weighted by its probability", "[plugin][router.switch][known-value]") {
  const auto router = make_plugin<Router>("switch");
  RouterTrial trial = random_trial(*router, 1, /*num_experts=*/3, /*num_rows=*/1, /*length=*/2, /*hidden=*/2);
  trial.input.hidden_TD = torch::tensor({{1.0f, 0.0f}, {0.0f, 1.0f}});
  trial.parameters["weight"] = torch::tensor({{std::log(2.0f), 0.0f}, {std::log(5.0f), 0.0f}, {std::log(3.0f), 0.0f}});
  const RouterOutput output = router->route(trial.input, trial.parameters);
  CHECK(torch::equal(output.choices_TK, torch::tensor({{1}, {0}}, torch::kInt64)));  // the second token's tie goes to expert 0
  CHECK(torch::allclose(output.weights_TK, torch::tensor({{0.5f}, {1.0f / 3}})));
  // 3 / (1 * 2) * (mean p_1 + mean p_0), one token each.
  CHECK(output.balance.item<float>() == Approx(1.5f * (0.5f * (0.5f + 1.0f / 3) + 0.5f * (0.2f + 1.0f / 3))));
}

TEST_CASE("switch: has the properties of every router", "[plugin][router.switch][invariant]") { check_router_properties(*make_plugin<Router>("switch")); }

TEST_CASE("switch: the language-model loss reaches its parameters", "[plugin][router.switch][invariant]") {
  check_router_gradient(*make_plugin<Router>("switch"));
}

TEST_CASE("switch: a bank of one expert has weight 1", "[plugin][router.switch][invariant]") {
  const auto router = make_plugin<Router>("switch");
  const RouterTrial trial = random_trial(*router, 2, /*num_experts=*/1);
  CHECK(torch::equal(router->route(trial.input, trial.parameters).weights_TK, torch::ones({14, 1})));
}

TEST_CASE("switch: refuses an empty bank and misshapen rows", "[plugin][router.switch][wrong-input]") {
  const auto router = make_plugin<Router>("switch");
  CHECK_THROWS_WITH(router->choices_per_token(0), Catch::Contains("router.switch: k is 1, the bank has 0 experts"));
  RouterTrial trial = random_trial(*router, 3);
  trial.parameters["weight"] = torch::zeros({4, 6});
  CHECK_THROWS_WITH(router->route(trial.input, trial.parameters), Catch::Contains("router.switch: router parameter 'weight' has shape [4, 6], expected [5, 6]"));
}

TEST_CASE("switch: says that its weights do not sum to one", "[plugin][router.switch][contract]") {
  check_contract("router", "switch");
  CHECK_FALSE(make_plugin<Router>("switch")->properties().weights_sum_to_one);
}
