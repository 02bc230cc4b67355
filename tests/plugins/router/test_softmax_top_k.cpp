// router.softmax_top_k.
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/plugins/router/router_properties.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("softmax_top_k: weights are the k largest probabilities", "[plugin][router.softmax_top_k][known-value]") {
  const auto router = make_plugin<Router>("softmax_top_k");
  RouterInput input;
  input.hidden_TD = torch::tensor({{1.0f, 0.0f}});
  input.token_ids_T = input.sequence_ids_T = input.positions_T = torch::zeros({1}, torch::kInt64);
  input.num_experts = 4;
  const torch::Tensor logits_E = torch::tensor({1.0f, 4.0f, 2.0f, 3.0f}).log();
  const RouterOutput output = router->route(input, {{"weight", torch::stack({logits_E, torch::full_like(logits_E, 9.0f)}, 1)}});
  CHECK(torch::equal(output.choices_TK, torch::tensor({{1, 3}}, torch::kInt64)));
  CHECK(torch::allclose(output.weights_TK, torch::tensor({{0.4f, 0.3f}})));
  CHECK(torch::allclose(output.probabilities_TE, torch::tensor({{0.1f, 0.4f, 0.2f, 0.3f}})));
  // Both slots of one token: 4 / 2 * (0.4 + 0.3).
  CHECK(output.balance.item<float>() == Approx(1.4f));
}

TEST_CASE("softmax_top_k: renormalised, the weights are those of top_k", "[plugin][router.softmax_top_k][invariant]") {
  const auto router = make_plugin<Router>("softmax_top_k", ValueMap{{"k", 3}}), renormalised = make_plugin<Router>("top_k", ValueMap{{"k", 3}});
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const RouterTrial trial = random_trial(*router, seed);
    const RouterOutput output = router->route(trial.input, trial.parameters), other = renormalised->route(trial.input, trial.parameters);
    CHECK(torch::equal(output.choices_TK, other.choices_TK));
    CHECK(torch::allclose(output.weights_TK / output.weights_TK.sum(1, true), other.weights_TK));
    CHECK((output.weights_TK.sum(1) < 1).all().item<bool>());
  }
}

TEST_CASE("softmax_top_k: has the properties of every router", "[plugin][router.softmax_top_k][invariant]") {
  check_router_properties(*make_plugin<Router>("softmax_top_k"));
  check_router_gradient(*make_plugin<Router>("softmax_top_k", ValueMap{{"k", 1}}));
}

TEST_CASE("softmax_top_k: refuses more choices than experts and parameters that do not fit", "[plugin][router.softmax_top_k][wrong-input]") {
  const auto router = make_plugin<Router>("softmax_top_k", ValueMap{{"k", 3}});
  CHECK_THROWS_WITH(router->choices_per_token(2), Catch::Contains("router.softmax_top_k: k is 3, the bank has 2 experts; expected k of at most 2"));
  RouterTrial trial = random_trial(*router, 7);
  trial.parameters["weight"] = torch::zeros({5, 7});
  CHECK_THROWS_WITH(router->route(trial.input, trial.parameters), Catch::Contains("has shape [5, 7], expected [5, 6]"));
}

TEST_CASE("softmax_top_k: asks for one matrix, a row an expert", "[plugin][router.softmax_top_k][contract]") {
  check_contract("router", "softmax_top_k");
  const auto router = make_plugin<Router>("softmax_top_k");
  const auto parameters = router->parameters(random_trial(*router, 1).spec);
  REQUIRE(parameters.size() == 1);
  CHECK(parameters[0].shape == std::vector<std::int64_t>{5, 6});
}
