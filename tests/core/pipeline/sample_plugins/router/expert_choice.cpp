// What a language model cannot be given: every expert chooses its tokens among all of them, later ones too (Zhou et al. 2022, arXiv 2202.09368).
#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/linear_router.hpp"

namespace {

class ExpertChoice final : public symphony::Router {
 public:
  symphony::RouterProperties properties() const override { return {.causal = false}; }
  std::int64_t choices_per_token(std::int64_t) const override { return 1; }
  std::vector<symphony::RouterParameter> parameters(const symphony::ModelSpec&) const override { return {}; }
  symphony::RouterOutput route(const symphony::RouterInput&, const symphony::TensorMap&) const override {
    symphony::fail<symphony::DataError>("router.expert_choice", "is for tests that never get this far");
  }
};

}  // namespace

SYMPHONY_PLUGIN(symphony::Router, ExpertChoice, symphony::NoParams, "expert_choice", /*revision=*/1, "experts that choose their tokens, which is not causal",
                "Zhou et al. 2022, arXiv 2202.09368")
