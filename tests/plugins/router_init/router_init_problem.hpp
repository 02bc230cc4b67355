// Problems for router initialisers: a linear router's parameter list, and statistics of labelled tokens.
#pragma once

#include "core/base/random.hpp"
#include "core/plugin/router_init.hpp"
#include "tests/plugins/plugin_fixture.hpp"

namespace symphony::testing {

struct Tokens {
  torch::Tensor hidden_TD;   ///< float64, mean square of a row 1, as after RMSNorm
  torch::Tensor domains_T;   ///< int64
};

/// Tokens around one random centre a domain; `separation` is the length of a centre relative to that of the noise.
inline Tokens clustered_tokens(std::int64_t num_domains, std::int64_t tokens_per_domain, std::int64_t hidden, double separation, std::uint64_t seed) {
  Random random(seed, "tokens");
  const auto normal = [&](std::int64_t rows) {
    std::vector<double> values(static_cast<std::size_t>(rows * hidden));
    for (double& value : values) value = random.normal();
    return torch::tensor(values, torch::kFloat64).view({rows, hidden});
  };
  Tokens tokens;
  tokens.domains_T = torch::arange(num_domains, torch::kInt64).repeat_interleave(tokens_per_domain);
  const torch::Tensor raw_TD = normal(num_domains).index_select(0, tokens.domains_T) * separation + normal(num_domains * tokens_per_domain);
  tokens.hidden_TD = raw_TD / raw_TD.pow(2).mean(1, true).sqrt();
  return tokens;
}

inline FfnInputMoments moments_of(const Tokens& tokens, std::int64_t num_domains) {
  const torch::Tensor labels_TM = torch::one_hot(tokens.domains_T, num_domains).to(torch::kFloat64);
  return {tokens.hidden_TD.t().matmul(tokens.hidden_TD), labels_TM.t().matmul(tokens.hidden_TD), labels_TM.sum(0)};
}

/// Calls the method for the layer of a model with a linear router of the given shape.
inline TensorMap initialise(const RouterInit& init, std::vector<RouterParameter> parameters, std::uint64_t seed, std::int64_t layer = 0,
                            FfnInputMoments moments = {}, std::vector<std::int64_t> expert_domains = {}) {
  const ModelSpec spec;
  Context context;
  context.seed = seed;
  return init.initialise({spec, layer, parameters, std::move(moments), std::move(expert_domains)}, context);
}

/// What every initialiser does: nothing for a router without parameters, refusal of parameters it does not know, the same numbers for the same
/// seed and others for another layer.
inline void check_fills_only_weight(const RouterInit& init, const FfnInputMoments& moments = {}, const std::vector<std::int64_t>& domains = {}) {
  CHECK(initialise(init, {}, 1, 0, moments, domains).empty());
  CHECK_THROWS_WITH(initialise(init, {{"bias", {4}}}, 1, 3, moments, domains), Catch::Contains("layer 3: the router has a parameter 'bias' [4], expected only 'weight' [E, D]"));
  CHECK_THROWS_AS(initialise(init, {{"bias", {4}}}, 1, 3, moments, domains), ConfigError);
}

}  // namespace symphony::testing
