// Softmax over the k highest logits of a linear router: z = x W^T, S = the k largest z, w = softmax(z_S). The same function as softmax over
// all experts, top-k, renormalise. Source: Jiang et al. 2024, "Mixtral of Experts", arXiv 2401.04088, section 2.1; the balance term is Fedus
// et al. 2021 in our convention (router.hpp).
#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/linear_router.hpp"

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

class TopK final : public LinearRouter {
 public:
  explicit TopK(const TopKParams& params) : LinearRouter(kWho, params.k) {
    if (params.k == 1)
      fail<ConfigError>(kWho, "k is 1: renormalised over one expert every weight is 1 and the router gets no gradient; "
                              "expected k of 2 or more, or router.switch, which weights its one expert by its probability");
  }
  RouterProperties properties() const override { return {}; }

 private:
  torch::Tensor weights(const RouterOutput& chosen) const override { return chosen.logits_TE.gather(1, chosen.choices_TK).softmax(1); }
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Router, symphony::TopK, symphony::TopKParams, "top_k", /*revision=*/1,
                "k experts per token, weighted by a softmax over their logits", "Jiang et al. 2024, Mixtral of Experts, arXiv 2401.04088");
