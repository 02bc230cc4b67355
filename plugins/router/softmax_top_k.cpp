// The k largest probabilities of a linear router as they are: p = softmax(x W^T), S = the k largest, w = p_S. Unlike router.top_k the weights are
// not renormalised: their sum, at most 1, says how sure the router is, and k = 1 is a router that learns. Source: Qwen Team 2024, "Qwen1.5-MoE",
// whose configuration calls it norm_topk_prob = false; the balance term is Fedus et al. 2021 in our convention (router.hpp).
// T tokens, D hidden, E experts, K choices per token.
#include "core/base/error.hpp"
#include "core/model/router.hpp"
#include "core/plugin/declare.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "router.softmax_top_k";

struct SoftmaxTopKParams {
  std::int64_t k = 2;
  static void describe(Schema& s) { s.field<&SoftmaxTopKParams::k>("k", "experts per token").at_least(1); }
};

class SoftmaxTopK final : public Router {
 public:
  explicit SoftmaxTopK(const SoftmaxTopKParams& params) : k_(params.k) {}

  RouterProperties properties() const override {
    RouterProperties properties;
    properties.weights_sum_to_one = false;
    return properties;
  }

  std::int64_t choices_per_token(std::int64_t num_experts) const override {
    if (k_ > num_experts) fail<ConfigError>(kWho, "k is {}, the bank has {} experts; expected k of at most {}", k_, num_experts, num_experts);
    return k_;
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

 private:
  std::int64_t k_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Router, symphony::SoftmaxTopK, symphony::SoftmaxTopKParams, "softmax_top_k", /*revision=*/1,
                "k experts per token, weighted by their probabilities as they are", "Qwen Team 2024, Qwen1.5-MoE (norm_topk_prob = false)");
