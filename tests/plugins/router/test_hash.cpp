// router.hash.
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/plugins/router/router_properties.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// The experts of the token ids 0 .. count-1.
torch::Tensor table(const Router& router, std::int64_t count, std::int64_t num_experts, std::int64_t layer = 0) {
  RouterInput input;
  input.hidden_TD = torch::zeros({count, 2});
  input.token_ids_T = torch::arange(count, torch::kInt64);
  input.num_experts = num_experts;
  input.layer = layer;
  return router.route(input, {}).choices_TK;
}

}  // namespace

TEST_CASE("hash: every run of E token ids gives each expert k of them", "[plugin][router.hash][known-value]") {
  for (const std::int64_t k : {1, 3}) {
    const auto router = make_plugin<Router>("hash", ValueMap{{"k", k}});
    const torch::Tensor choices_TK = table(*router, 5 * 40, 5);
    for (std::int64_t run_idx = 0; run_idx < 40; ++run_idx)
      CHECK(torch::equal(torch::bincount(choices_TK.slice(0, 5 * run_idx, 5 * run_idx + 5).reshape({-1}), {}, 5), torch::full({5}, k, torch::kInt64)));
  }
}

TEST_CASE("hash: neighbouring runs are dealt differently", "[plugin][router.hash][known-value]") {
  const torch::Tensor runs = table(*make_plugin<Router>("hash"), 8 * 50, 8).view({50, 8});
  CHECK(runs.slice(0, 0, 49).eq(runs.slice(0, 1, 50)).all(1).sum().item<std::int64_t>() <= 2);
}

TEST_CASE("hash: has the properties of every router", "[plugin][router.hash][invariant]") {
  check_router_properties(*make_plugin<Router>("hash"));
  check_router_properties(*make_plugin<Router>("hash", ValueMap{{"k", 3}}));
}

TEST_CASE("hash: the token alone decides, at every depth unless asked otherwise", "[plugin][router.hash][invariant]") {
  const auto shared = make_plugin<Router>("hash"), own = make_plugin<Router>("hash", ValueMap{{"per_layer", true}});
  CHECK(torch::equal(table(*shared, 60, 4, 0), table(*shared, 60, 4, 3)));
  CHECK_FALSE(torch::equal(table(*own, 60, 4, 0), table(*own, 60, 4, 3)));
  CHECK_FALSE(torch::equal(table(*shared, 60, 4), table(*make_plugin<Router>("hash", ValueMap{{"seed", 2}}), 60, 4)));
}

TEST_CASE("hash: weights are 1/k and carry no gradient", "[plugin][router.hash][invariant]") {
  const auto router = make_plugin<Router>("hash", ValueMap{{"k", 2}});
  RouterTrial trial = random_trial(*router, 4);
  trial.input.hidden_TD.set_requires_grad(true);
  const RouterOutput output = router->route(trial.input, {});
  CHECK(torch::equal(output.weights_TK, torch::full({14, 2}, 0.5f)));
  CHECK_FALSE(output.weights_TK.requires_grad());
  CHECK_FALSE(output.logits_TE.defined());
  CHECK_FALSE(output.balance.defined());
}

TEST_CASE("hash: refuses a bank smaller than k and negative ids", "[plugin][router.hash][wrong-input]") {
  const auto router = make_plugin<Router>("hash", ValueMap{{"k", 4}});
  CHECK_THROWS_WITH(router->choices_per_token(3), Catch::Contains("router.hash: k is 4, the bank has 3 experts; expected k of at most 3"));
  RouterTrial trial = random_trial(*router, 5);
  trial.input.token_ids_T = trial.input.token_ids_T - 100;
  CHECK_THROWS_WITH(router->route(trial.input, {}), Catch::Contains("router.hash: a token id is -"));
}

TEST_CASE("hash: learns nothing", "[plugin][router.hash][contract]") {
  check_contract("router", "hash");
  const auto router = make_plugin<Router>("hash");
  CHECK(router->parameters(ModelSpec{}).empty());
  CHECK_FALSE(router->properties().differentiable);
}
