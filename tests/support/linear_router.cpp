// The routers of the model's tests.
#include "tests/support/linear_router.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace symphony::testing {

std::vector<RouterParameter> LinearRouter::parameters(const ModelSpec& spec) const {
  return {{"weight", {spec.moe->num_experts, spec.hidden_size}}};
}

RouterOutput LinearRouter::route(const RouterInput& input, const TensorMap& parameters) const {
  RouterOutput output;
  output.logits_TE = torch::linear(input.hidden_TD, parameters.at("weight"));
  output.probabilities_TE = output.logits_TE.softmax(-1);
  const auto [top_TK, choices_TK] = output.probabilities_TE.topk(num_chosen_, -1);
  output.choices_TK = choices_TK;
  output.weights_TK = renormalised_ ? top_TK / top_TK.sum(-1, true) : top_TK;
  output.balance = balance_loss(choices_TK, output.probabilities_TE);
  return output;
}

RouterOutput FixedRouter::route(const RouterInput&, const TensorMap&) const {
  RouterOutput output;
  output.choices_TK = choices_TK_;
  output.weights_TK = weights_TK_;
  return output;
}

ReferenceRouter reference_linear_router(const TensorMap& parameters, std::int64_t num_chosen) {
  return [&parameters, num_chosen](std::int64_t layer, std::int64_t, const std::vector<double>& x) {
    const auto weight = parameters.at("model.layers." + std::to_string(layer) + ".mlp.router.weight").to(torch::kFloat64).contiguous();
    std::vector<double> exponentials;
    for (std::int64_t expert = 0; expert < weight.size(0); ++expert) {
      double logit = 0.0;
      for (std::size_t entry = 0; entry < x.size(); ++entry) logit += weight.data_ptr<double>()[expert * weight.size(1) + static_cast<std::int64_t>(entry)] * x[entry];
      exponentials.push_back(std::exp(logit));
    }
    std::vector<std::int64_t> order(exponentials.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto left, auto right) { return exponentials[static_cast<std::size_t>(left)] > exponentials[static_cast<std::size_t>(right)]; });
    double total = 0.0;
    for (std::int64_t k = 0; k < num_chosen; ++k) total += exponentials[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])];
    std::vector<ReferenceChoice> result;
    for (std::int64_t k = 0; k < num_chosen; ++k) {
      const auto expert = order[static_cast<std::size_t>(k)];
      result.push_back({expert, exponentials[static_cast<std::size_t>(expert)] / total});
    }
    return result;
  };
}

}  // namespace symphony::testing
