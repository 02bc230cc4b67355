// router.top_k.
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/plugins/router/router_properties.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// One token whose logits are `logits`: hidden is a unit vector, so that column 0 of the weight is what it sees.
RouterOutput route_logits(const Router& router, const std::vector<float>& logits) {
  RouterInput input;
  input.hidden_TD = torch::tensor({{1.0f, 0.0f}});
  input.token_ids_T = input.sequence_ids_T = input.positions_T = torch::zeros({1}, torch::kInt64);
  input.num_experts = static_cast<std::int64_t>(logits.size());
  const torch::Tensor column_E = torch::tensor(logits);
  return router.route(input, {{"weight", torch::stack({column_E, torch::full_like(column_E, 9.0f)}, 1)}});
}

}  // namespace

TEST_CASE("top_k: weights are the softmax of the k highest logits", "[plugin][router.top_k][known-value]") {
  const auto router = make_plugin<Router>("top_k");
  const RouterOutput output = route_logits(*router, {std::log(1.0f), std::log(4.0f), std::log(2.0f), std::log(3.0f)});
  CHECK(torch::equal(output.choices_TK, torch::tensor({{1, 3}}, torch::kInt64)));
  CHECK(torch::allclose(output.weights_TK, torch::tensor({{4.0f / 7, 3.0f / 7}})));
  CHECK(torch::allclose(output.probabilities_TE, torch::tensor({{0.1f, 0.4f, 0.2f, 0.3f}})));
  // Both slots of one token: 4 / 2 * (0.4 + 0.3).
  CHECK(output.balance.item<float>() == Approx(1.4f));
}

TEST_CASE("top_k: equals softmax over all experts, top-k, renormalise", "[plugin][router.top_k][known-value]") {
  const auto router = make_plugin<Router>("top_k", ValueMap{{"k", 3}});
  const RouterTrial trial = random_trial(*router, 5);
  const RouterOutput output = router->route(trial.input, trial.parameters);
  const torch::Tensor all_TE = trial.input.hidden_TD.matmul(trial.parameters.at("weight").t()).softmax(1);
  const torch::Tensor kept_TK = std::get<0>(all_TE.topk(3, 1));
  CHECK(torch::allclose(output.weights_TK, kept_TK / kept_TK.sum(1, true)));
}

TEST_CASE("top_k: ties go to the lowest expert index", "[plugin][router.top_k][known-value]") {
  const auto router = make_plugin<Router>("top_k", ValueMap{{"k", 3}});
  CHECK(torch::equal(route_logits(*router, std::vector<float>(64, 0.5f)).choices_TK, torch::tensor({{0, 1, 2}}, torch::kInt64)));
  CHECK(torch::equal(route_logits(*router, {1, 2, 2, 3, 2, -0.0f, 0.0f}).choices_TK, torch::tensor({{3, 1, 2}}, torch::kInt64)));
}

TEST_CASE("top_k: has the properties of every router", "[plugin][router.top_k][invariant]") {
  check_router_properties(*make_plugin<Router>("top_k"));
  check_router_properties(*make_plugin<Router>("top_k", ValueMap{{"k", 4}}));
}

TEST_CASE("top_k: gradients of weights and balance agree with finite differences", "[plugin][router.top_k][invariant]") {
  check_router_gradient(*make_plugin<Router>("top_k"));
  check_router_gradient(*make_plugin<Router>("top_k", ValueMap{{"k", 3}}));
}

TEST_CASE("top_k: choosing every expert is the full softmax", "[plugin][router.top_k][invariant]") {
  const auto router = make_plugin<Router>("top_k", ValueMap{{"k", 5}});
  const RouterTrial trial = random_trial(*router, 6);
  const RouterOutput output = router->route(trial.input, trial.parameters);
  CHECK(torch::allclose(output.weights_TK, output.probabilities_TE.gather(1, output.choices_TK)));
}

TEST_CASE("top_k: refuses what it cannot do and says what would do", "[plugin][router.top_k][wrong-input]") {
  CHECK_THROWS_WITH(make_plugin<Router>("top_k", ValueMap{{"k", 1}}), Catch::Contains("router.switch") && Catch::Contains("no gradient"));
  CHECK_THROWS_AS(make_plugin<Router>("top_k", ValueMap{{"k", 1}}), ConfigError);
  const auto router = make_plugin<Router>("top_k", ValueMap{{"k", 3}});
  CHECK_THROWS_WITH(router->choices_per_token(2), Catch::Contains("router.top_k: k is 3, the bank has 2 experts; expected k of at most 2"));

  RouterTrial trial = random_trial(*router, 7);
  CHECK_THROWS_WITH(router->route(trial.input, {}), Catch::Contains("router.top_k: no router parameter 'weight', got none"));
  CHECK_THROWS_WITH(router->route(trial.input, {{"wieght", torch::zeros({5, 6})}}), Catch::Contains("got wieght"));
  trial.parameters["weight"] = torch::zeros({5, 7});
  CHECK_THROWS_WITH(router->route(trial.input, trial.parameters), Catch::Contains("has shape [5, 7], expected [5, 6]"));
}

TEST_CASE("top_k: asks for one matrix, a row an expert", "[plugin][router.top_k][contract]") {
  check_contract("router", "top_k");
  const auto router = make_plugin<Router>("top_k");
  const auto parameters = router->parameters(random_trial(*router, 1).spec);
  REQUIRE(parameters.size() == 1);
  CHECK(parameters[0].name == "weight");
  CHECK(parameters[0].shape == std::vector<std::int64_t>{5, 6});
}
