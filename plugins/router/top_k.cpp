// Softmax over the k highest logits of a linear router: z = x W^T, S = the k largest z, w = softmax(z_S). The same function as softmax over
// all experts, top-k, renormalise. Source: Jiang et al. 2024, "Mixtral of Experts", arXiv 2401.04088, section 2.1; the balance term is Fedus
// et al. 2021 in our convention (router.hpp).
// T tokens, D hidden, E experts, K choices per token.
#include "core/base/error.hpp"
#include "core/model/router.hpp"
#include "core/plugin/declare.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "router.top_k";

struct TopKParams {
  std::int64_t k = 2;
  static void describe(Schema& s) {
    s.field<&TopKParams::k>("k", "experts per token, at least 2: with one, the renormalised weight is always 1 and no gradient reaches the router "
                                 "(router.switch is the top-1 router)")
        .at_least(1);
  }
};

class TopK final : public Router {
 public:
  explicit TopK(const TopKParams& params) : k_(params.k) {
    if (k_ == 1)
      fail<ConfigError>(kWho, "k is 1: renormalised over one expert every weight is 1 and the router gets no gradient; "
                              "expected k of 2 or more, or router.switch, which weights its one expert by its probability");
  }

  RouterProperties properties() const override { return {}; }

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
    output.weights_TK = logits_TE.gather(1, output.choices_TK).softmax(1);
    output.balance = balance_loss(output.choices_TK, output.probabilities_TE);
    return output;
  }

 private:
  std::int64_t k_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Router, symphony::TopK, symphony::TopKParams, "top_k", /*revision=*/1,
                "k experts per token, weighted by a softmax over their logits", "Jiang et al. 2024, Mixtral of Experts, arXiv 2401.04088");
