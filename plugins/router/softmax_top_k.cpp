// The k largest probabilities of a linear router as they are: p = softmax(x W^T), S = the k largest, w = p_S. Unlike router.top_k the weights are
// not renormalised: their sum, at most 1, says how sure the router is, and k = 1 is a router that learns. Source: Qwen Team 2024, "Qwen1.5-MoE",
// whose configuration calls it norm_topk_prob = false; the balance term is Fedus et al. 2021 in our convention (router.hpp).
#include "core/plugin/declare.hpp"
#include "core/plugin/linear_router.hpp"

namespace symphony {
namespace {

struct SoftmaxTopKParams {
  std::int64_t k = 2;
  static void describe(Schema& s) { s.field<&SoftmaxTopKParams::k>("k", "experts per token").at_least(1); }
};

class SoftmaxTopK final : public LinearRouter {
 public:
  explicit SoftmaxTopK(const SoftmaxTopKParams& params) : LinearRouter("router.softmax_top_k", params.k) {}
  RouterProperties properties() const override { return {.weights_sum_to_one = false}; }

 private:
  torch::Tensor weights(const RouterOutput& chosen) const override { return chosen.probabilities_TE.gather(1, chosen.choices_TK); }
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Router, symphony::SoftmaxTopK, symphony::SoftmaxTopKParams, "softmax_top_k", /*revision=*/1,
                "k experts per token, weighted by their probabilities as they are", "Qwen Team 2024, Qwen1.5-MoE (norm_topk_prob = false)");
