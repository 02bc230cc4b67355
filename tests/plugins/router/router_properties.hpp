// The properties that every router has, whatever it computes (methods-moe B0): weights are at least 0 and 0 in unused slots, shuffling tokens
// shuffles the outputs, later tokens do not reach earlier ones, a batch of one equals a row of a batch, and gradients agree with central
// differences. T tokens, D hidden, E experts, K choices per token.
#pragma once

#include <catch2/catch.hpp>

#include "core/base/random.hpp"
#include "core/model/router.hpp"

namespace symphony::testing {

inline constexpr std::int64_t kVocabulary = 23;

inline torch::Tensor normal_tensor(std::vector<std::int64_t> shape, std::uint64_t seed, const std::string& purpose) {
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  Random(seed, purpose).fill_normal({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}, 0.0, 1.0);
  return tensor;
}

struct RouterTrial {
  ModelSpec spec;
  RouterInput input;
  TensorMap parameters;
};

/// `num_rows` sequences of `length` random tokens, and random parameters of the shapes that the router asks for.
inline RouterTrial random_trial(const Router& router, std::uint64_t seed, std::int64_t num_experts = 5, std::int64_t num_rows = 2,
                                std::int64_t length = 7, std::int64_t hidden = 6) {
  RouterTrial trial;
  trial.spec.hidden_size = hidden;
  trial.spec.vocab_size = kVocabulary;
  trial.spec.moe = MoeSpec{.num_experts = num_experts, .expert_width = 4};
  const std::int64_t num_tokens = num_rows * length;
  trial.input.hidden_TD = normal_tensor({num_tokens, hidden}, seed, "hidden");
  std::vector<std::int64_t> ids;
  Random random(seed, "ids");
  for (std::int64_t token_idx = 0; token_idx < num_tokens; ++token_idx) ids.push_back(static_cast<std::int64_t>(random.below(kVocabulary)));
  trial.input.token_ids_T = torch::tensor(ids, torch::kInt64);
  const torch::Tensor index_T = torch::arange(num_tokens, torch::kInt64);
  trial.input.sequence_ids_T = index_T.div(length, "floor");
  trial.input.positions_T = index_T.remainder(length);
  trial.input.num_experts = num_experts;
  for (const RouterParameter& parameter : router.parameters(trial.spec))
    trial.parameters[parameter.name] = normal_tensor(parameter.shape, seed, "parameter " + parameter.name);
  return trial;
}

/// The input restricted to the tokens `rows_T`, in that order.
inline RouterInput select_tokens(RouterInput input, const torch::Tensor& rows_T) {
  for (torch::Tensor* field : {&input.hidden_TD, &input.token_ids_T, &input.sequence_ids_T, &input.positions_T}) *field = field->index_select(0, rows_T);
  return input;
}

inline void check_same_routing(const RouterOutput& got, const RouterOutput& expected, const torch::Tensor& expected_rows_T) {
  CHECK(torch::equal(got.choices_TK, expected.choices_TK.index_select(0, expected_rows_T)));
  CHECK(torch::allclose(got.weights_TK, expected.weights_TK.index_select(0, expected_rows_T), 1e-6, 1e-7));
  CHECK(torch::allclose(got.probabilities_TE, expected.probabilities_TE.index_select(0, expected_rows_T), 1e-6, 1e-7));
  CHECK(got.logits_TE.defined() == expected.logits_TE.defined());
  if (got.logits_TE.defined()) CHECK(torch::allclose(got.logits_TE, expected.logits_TE.index_select(0, expected_rows_T), 1e-5, 1e-6));
}

inline void check_output_is_valid(const Router& router, const RouterTrial& trial) {
  const RouterOutput output = router.route(trial.input, trial.parameters);
  const std::int64_t num_tokens = trial.input.hidden_TD.size(0), num_experts = trial.input.num_experts;
  const std::int64_t k = router.choices_per_token(num_experts);
  CHECK(output.choices_TK.scalar_type() == torch::kInt64);
  CHECK(output.choices_TK.sizes().vec() == std::vector<std::int64_t>{num_tokens, k});
  CHECK(output.weights_TK.sizes().vec() == std::vector<std::int64_t>{num_tokens, k});
  CHECK(output.probabilities_TE.sizes().vec() == std::vector<std::int64_t>{num_tokens, num_experts});
  CHECK(output.choices_TK.ge(-1).logical_and(output.choices_TK.lt(num_experts)).all().item<bool>());
  CHECK(output.weights_TK.ge(0).all().item<bool>());
  CHECK(output.weights_TK.masked_select(output.choices_TK < 0).eq(0).all().item<bool>());
  CHECK(torch::allclose(output.probabilities_TE.sum(1), torch::ones({num_tokens})));
  const bool sums_to_one = torch::allclose(output.weights_TK.sum(1), torch::ones({num_tokens}));
  CHECK(sums_to_one == router.properties().weights_sum_to_one);
  // No expert twice for one token: after sorting, neighbours differ unless both are unused.
  const torch::Tensor sorted_TK = std::get<0>(output.choices_TK.sort(1));
  const torch::Tensor left = sorted_TK.slice(1, 0, k - 1), right = sorted_TK.slice(1, 1, k);
  CHECK(left.ne(right).logical_or(left.lt(0)).all().item<bool>());
  if (output.balance.defined()) CHECK(output.balance.dim() == 0);
  CHECK(router.properties().differentiable == !router.parameters(trial.spec).empty());
}

inline void check_causal(const Router& router, const RouterTrial& trial, std::uint64_t seed) {
  const std::int64_t num_changed_from = 4;  // of 7 positions, in every row
  const RouterTrial other = random_trial(router, seed + 1000);
  RouterInput changed = trial.input;
  const torch::Tensor later_T = changed.positions_T >= num_changed_from;
  changed.hidden_TD = torch::where(later_T.unsqueeze(1), other.input.hidden_TD, changed.hidden_TD);
  changed.token_ids_T = torch::where(later_T, other.input.token_ids_T, changed.token_ids_T);
  const torch::Tensor earlier_T = later_T.logical_not().nonzero().squeeze(1);
  const RouterOutput before = router.route(trial.input, trial.parameters), after = router.route(changed, trial.parameters);
  const bool unchanged = torch::equal(before.choices_TK.index_select(0, earlier_T), after.choices_TK.index_select(0, earlier_T)) &&
                         torch::equal(before.weights_TK.index_select(0, earlier_T), after.weights_TK.index_select(0, earlier_T));
  CHECK(unchanged == router.properties().causal);
  CHECK_FALSE(torch::equal(before.choices_TK, after.choices_TK));  // the change was one that the router sees
}

inline void check_router_properties(const Router& router) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const RouterTrial trial = random_trial(router, seed);
    check_output_is_valid(router, trial);
    check_causal(router, trial, seed);

    const RouterOutput whole = router.route(trial.input, trial.parameters);
    const std::int64_t num_tokens = trial.input.hidden_TD.size(0);
    const torch::Tensor shuffle_T = torch::tensor(Random(seed, "shuffle").permutation(num_tokens), torch::kInt64);
    check_same_routing(router.route(select_tokens(trial.input, shuffle_T), trial.parameters), whole, shuffle_T);
    const torch::Tensor second_row_T = torch::arange(num_tokens / 2, num_tokens, torch::kInt64);
    check_same_routing(router.route(select_tokens(trial.input, second_row_T), trial.parameters), whole, second_row_T);
    check_same_routing(router.route(trial.input, trial.parameters), whole, torch::arange(num_tokens, torch::kInt64));
  }
}

/// d f / d parameters by backward against central differences in float64, where f mixes the weights, each with a random factor, and the
/// balance term. Random logits are farther apart than the step, so that no choice changes.
inline void check_router_gradient(const Router& router) {
  constexpr double kStep = 1e-6, kTolerance = 1e-6;
  for (const std::uint64_t seed : {11u, 12u}) {
    CAPTURE(seed);
    RouterTrial trial = random_trial(router, seed);
    trial.input.hidden_TD = trial.input.hidden_TD.to(torch::kFloat64);
    for (auto& [name, parameter] : trial.parameters) parameter = parameter.to(torch::kFloat64).set_requires_grad(true);
    const torch::Tensor factors_TK = normal_tensor(router.route(trial.input, trial.parameters).weights_TK.sizes().vec(), seed, "factors").to(torch::kFloat64);
    const auto value = [&] {
      const RouterOutput output = router.route(trial.input, trial.parameters);
      const torch::Tensor weighted = (output.weights_TK * factors_TK).sum();
      return output.balance.defined() ? weighted + 3.0 * output.balance : weighted;
    };
    value().backward();
    for (auto& [name, parameter] : trial.parameters) {
      const torch::Tensor gradient = parameter.grad();
      REQUIRE(gradient.defined());
      CHECK(gradient.abs().max().item<double>() > 1e-3);
      torch::Tensor flat = parameter.detach().view({-1});
      for (std::int64_t entry = 0; entry < flat.numel(); ++entry) {
        const double kept = flat[entry].item<double>();
        flat[entry] = kept + kStep;
        const double above = value().item<double>();
        flat[entry] = kept - kStep;
        const double below = value().item<double>();
        flat[entry] = kept;
        CHECK(gradient.view({-1})[entry].item<double>() == Approx((above - below) / (2 * kStep)).margin(kTolerance));
      }
    }
  }
}

}  // namespace symphony::testing
