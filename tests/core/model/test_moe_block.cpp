// Dispatch: unused slots, repeated experts, empty experts, and what a broken router gets to hear.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/dispatch_plan.hpp"
#include "core/model/language_model.hpp"
#include "tests/support/linear_router.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

ModelSpec moe_spec() {
  TinyOptions options;
  options.num_experts = 3;
  ModelSpec spec = tiny_spec(options);
  spec.moe->router.name = "fixed";
  return spec;
}

torch::Tensor indices(std::vector<std::int64_t> values) { return torch::tensor(values, torch::kInt64); }

}  // namespace

TEST_CASE("dispatch: slots are sorted by expert, stable in the token, unused ones left out", "[core][model]") {
  const auto choices_TK = indices({2, 0, -1, 2, 0, -1}).view({3, 2});
  const DispatchPlan plan = plan_dispatch(choices_TK, 4, "test");
  CHECK(plan.counts_E == std::vector<std::int64_t>{2, 0, 2, 0});
  CHECK(plan.token_rows_S.equal(indices({0, 2, 0, 1})));
  CHECK(plan.slots_S.equal(indices({1, 4, 0, 3})));
  CHECK_FALSE(plan.repeated_R.defined());
}

TEST_CASE("dispatch: a repeated expert is computed once with the sum of its weights", "[core][model]") {
  const DispatchPlan plan = plan_dispatch(indices({1, 1, 0, 1}).view({2, 2}), 2, "test");
  CHECK(plan.counts_E == std::vector<std::int64_t>{1, 2});
  CHECK(plan.repeated_R.equal(indices({1})));
  CHECK(plan.kept_R.equal(indices({0})));

  const ModelSpec spec = moe_spec();
  const Model source = random_model(spec, 3);
  const auto tokens_BT = random_tokens(1, 2, spec.vocab_size, 3);
  const auto with = [&](std::vector<std::int64_t> choices, std::vector<double> weights) {
    const auto router = std::make_shared<FixedRouter>(indices(std::move(choices)).view({2, 2}), torch::tensor(weights, torch::kFloat32).view({2, 2}));
    return LanguageModel(source, router).forward(tokens_BT, positions_for(tokens_BT));
  };
  CHECK((with({1, 1, 2, 0}, {0.3, 0.5, 0.6, 0.4}) - with({1, -1, 2, 0}, {0.8, 0.0, 0.6, 0.4})).abs().max().item<double>() < 1e-6);
}

TEST_CASE("moe: equals the reference with unused slots, an unchosen expert and unequal loads", "[core][model]") {
  const ModelSpec spec = moe_spec();
  const auto choices_TK = indices({0, 2, 2, -1, -1, -1, 0, 0, 0, 2}).view({5, 2});
  const auto weights_TK = torch::tensor({0.5, 0.25, 1.5, 0.0, 0.0, 0.0, 0.25, 0.5, 0.125, 2.0}, torch::kFloat32).view({5, 2});
  const LanguageModel model(random_model(spec, 6), std::make_shared<FixedRouter>(choices_TK, weights_TK));
  const auto tokens_BT = random_tokens(1, 5, spec.vocab_size, 6);
  const auto reference = reference_forward(spec, model.parameters(), {tokens_BT.data_ptr<std::int64_t>(), tokens_BT.data_ptr<std::int64_t>() + 5},
                                           [&](std::int64_t, std::int64_t token, const std::vector<double>&) {
                                             std::vector<ReferenceChoice> result;
                                             for (std::int64_t k = 0; k < 2; ++k)
                                               if (choices_TK[token][k].item<std::int64_t>() >= 0)
                                                 result.push_back({choices_TK[token][k].item<std::int64_t>(), weights_TK[token][k].item<double>()});
                                             return result;
                                           });
  const auto logits_TV = model.forward(tokens_BT, positions_for(tokens_BT))[0];
  for (std::int64_t token = 0; token < 5; ++token)
    for (std::int64_t entry = 0; entry < spec.vocab_size; ++entry)
      REQUIRE(logits_TV[token][entry].item<double>() == Approx(reference[static_cast<std::size_t>(token)][static_cast<std::size_t>(entry)]).margin(1e-5));
}

TEST_CASE("moe: a router that breaks its contract is named with its layer", "[core][model]") {
  const ModelSpec spec = moe_spec();
  const auto tokens_BT = random_tokens(1, 2, spec.vocab_size, 6);
  const auto run = [&](const torch::Tensor& choices, const torch::Tensor& weights) {
    LanguageModel(random_model(spec, 6), std::make_shared<FixedRouter>(choices, weights)).forward(tokens_BT, positions_for(tokens_BT));
  };
  CHECK_THROWS_WITH(run(indices({0, 3}).view({2, 1}), torch::ones({2, 1})),
                    "router.fixed in layer 0: token 1 chose expert 3, expected -1 (unused) or 0 to 2");
  CHECK_THROWS_WITH(run(indices({0, 1, 2}).view({3, 1}), torch::ones({3, 1})), "router.fixed in layer 0: choices have shape [3, 1], expected int64 [2, K]");
  CHECK_THROWS_AS(run(indices({0, 1}).view({2, 1}), torch::ones({2, 2})), PluginError);
}
