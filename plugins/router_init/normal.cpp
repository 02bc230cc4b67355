// Rows from N(0, std^2), as a language model's other matrices start. The scale is a choice (methods-moe F6): the router's input has unit mean
// square, so logits have standard deviation std * sqrt(D): 0.02 gives nearly uniform gates at D = 192 and 1 gives a nearly hard top-1.
// Source: Komatsuzaki et al. 2023, "Sparse Upcycling", arXiv 2212.05055 (standard deviation 0.02).
// D hidden, E experts.
#include <vector>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/linear_router.hpp"

namespace symphony {
namespace {

struct NormalParams {
  double std = 0.02;
  static void describe(Schema& s) { s.field<&NormalParams::std>("std", "standard deviation of the rows' entries").range(0, 10); }
};

class Normal final : public RouterInit {
 public:
  explicit Normal(const NormalParams& params) : params_(params) {}

  TensorMap initialise(const RouterInitProblem& problem, const Context& context) const override {
    return initialise_linear_router(problem, "router_init.normal", [&](std::int64_t num_experts, std::int64_t hidden) {
      torch::Tensor weight_ED = torch::empty({num_experts, hidden}, torch::kFloat32);
      context.random(fmt::format("router_init.normal/layer.{}", problem.layer))
          .fill_normal({weight_ED.data_ptr<float>(), static_cast<std::size_t>(weight_ED.numel())}, 0.0, params_.std);
      return weight_ED;
    });
  }

 private:
  NormalParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::RouterInit, symphony::Normal, symphony::NormalParams, "normal", /*revision=*/1,
                "Gaussian rows of a given standard deviation", "Komatsuzaki et al. 2023, Sparse Upcycling, arXiv 2212.05055");
