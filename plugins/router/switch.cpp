// The top-1 router: p = softmax(x W^T), e = argmax p, and the expert's output is weighted by p_e, which is how a gradient reaches the router.
// Source: Fedus et al. 2021, "Switch Transformers", arXiv 2101.03961, section 2.1 and equation 4 (balance, in our convention, router.hpp).
// Differs from the paper in having no expert capacity and no jitter: dropping tokens would make the output depend on the batch.
// The weights sum to less than one, so a layer of identical experts is smaller than the dense layer.
#include "core/plugin/declare.hpp"
#include "core/plugin/linear_router.hpp"

namespace symphony {
namespace {

class Switch final : public LinearRouter {
 public:
  Switch() : LinearRouter("router.switch", 1) {}
  RouterProperties properties() const override { return {.weights_sum_to_one = false}; }

 private:
  torch::Tensor weights(const RouterOutput& chosen) const override { return chosen.probabilities_TE.gather(1, chosen.choices_TK); }
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Router, symphony::Switch, symphony::NoParams, "switch", /*revision=*/1,
                "one expert per token, weighted by its probability", "Fedus et al. 2021, Switch Transformers, arXiv 2101.03961");
