// The top-1 router: p = softmax(x W^T), e = argmax p, and the expert's output is weighted by p_e, which is how a gradient reaches the router.
// Source: Fedus et al. 2021, "Switch Transformers", arXiv 2101.03961, section 2.1 and equation 4 (balance, in our convention, router.hpp).
// Differs from the paper in having no expert capacity and no jitter: dropping tokens would make the output depend on the batch.
// The weights sum to less than one, so a layer of identical experts is smaller than the dense layer.
// T tokens, D hidden, E experts.
#include "core/base/error.hpp"
#include "core/model/router.hpp"
#include "core/plugin/declare.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "router.switch";

class Switch final : public Router {
 public:
  RouterProperties properties() const override { return {.weights_sum_to_one = false}; }

  std::int64_t choices_per_token(std::int64_t num_experts) const override {
    if (num_experts < 1) fail<ConfigError>(kWho, "the bank has {} experts, expected at least 1", num_experts);
    return 1;
  }

  std::vector<RouterParameter> parameters(const ModelSpec& spec) const override {
    SYMPHONY_ASSERT(spec.moe);
    return {{"weight", {spec.moe->num_experts, spec.hidden_size}}};
  }

  RouterOutput route(const RouterInput& input, const TensorMap& parameters) const override {
    const torch::Tensor logits_TE = linear_logits(input, parameters, kWho);
    RouterOutput output;
    output.logits_TE = logits_TE;
    output.probabilities_TE = logits_TE.softmax(1);
    output.choices_TK = top_experts(logits_TE, choices_per_token(input.num_experts));
    output.weights_TK = output.probabilities_TE.gather(1, output.choices_TK);
    output.balance = balance_loss(output.choices_TK, output.probabilities_TE);
    return output;
  }
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Router, symphony::Switch, symphony::NoParams, "switch", /*revision=*/1,
                "one expert per token, weighted by its probability", "Fedus et al. 2021, Switch Transformers, arXiv 2101.03961");
