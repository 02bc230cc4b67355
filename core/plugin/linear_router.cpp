// The linear router, and which router parameters its initialisers can fill.
#include "core/plugin/linear_router.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

std::int64_t LinearRouter::choices_per_token(std::int64_t num_experts) const { return checked_choices(k_, num_experts, who_); }

std::vector<RouterParameter> LinearRouter::parameters(const ModelSpec& spec) const {
  SYMPHONY_ASSERT(spec.moe);
  return {{"weight", {spec.moe->num_experts, spec.hidden_size}}};
}

RouterOutput LinearRouter::route(const RouterInput& input, const TensorMap& parameters) const {
  RouterOutput output;
  output.logits_TE = linear_logits(input, parameters, who_);
  output.probabilities_TE = output.logits_TE.softmax(1);
  output.choices_TK = top_experts(output.logits_TE, choices_per_token(input.num_experts));
  output.balance = balance_loss(output.choices_TK, output.probabilities_TE);
  output.weights_TK = weights(output);
  return output;
}

std::int64_t checked_choices(std::int64_t k, std::int64_t num_experts, std::string_view who) {
  if (k > num_experts) fail<ConfigError>(who, "k is {}, the bank has {} experts; expected k of at most {}", k, num_experts, num_experts);
  return k;
}

TensorMap initialise_linear_router(const RouterInitProblem& problem, std::string_view who,
                                   const std::function<torch::Tensor(std::int64_t, std::int64_t)>& rows) {
  TensorMap result;
  for (const RouterParameter& parameter : problem.parameters) {
    if (parameter.name != "weight" || parameter.shape.size() != 2)
      fail<ConfigError>(who, "layer {}: the router has a parameter {} {}, expected only 'weight' [E, D]; choose another router_init", problem.layer,
                        quoted(parameter.name), shape_text(parameter.shape));
    const torch::Tensor filled_ED = rows(parameter.shape[0], parameter.shape[1]);
    SYMPHONY_ASSERT(filled_ED.sizes().vec() == parameter.shape && filled_ED.scalar_type() == torch::kFloat32);
    result[parameter.name] = filled_ED;
  }
  return result;
}

}  // namespace symphony
