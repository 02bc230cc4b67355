// Rows from U(-a, a) with a = scale / sqrt(D): at scale 1 what most training code does to a linear layer, often without saying so (He et al. 2015,
// "Delving deep into rectifiers", arXiv 1502.01852, with the gain 1/sqrt(3)). Logits then have standard deviation scale / sqrt(3), whatever D.
// D hidden, E experts.
#include <cmath>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/linear_router.hpp"

namespace symphony {
namespace {

struct UniformParams {
  double scale = 1.0;
  static void describe(Schema& s) { s.field<&UniformParams::scale>("scale", "half width of the interval times sqrt(D)").range(0, 1000); }
};

class Uniform final : public RouterInit {
 public:
  explicit Uniform(const UniformParams& params) : params_(params) {}

  TensorMap initialise(const RouterInitProblem& problem, const Context& context) const override {
    return initialise_linear_router(problem, "router_init.uniform", [&](std::int64_t num_experts, std::int64_t hidden) {
      torch::Tensor weight_ED = torch::empty({num_experts, hidden}, torch::kFloat32);
      const double bound = params_.scale / std::sqrt(static_cast<double>(hidden));
      context.random(fmt::format("router_init.uniform/layer.{}", problem.layer))
          .fill_uniform({weight_ED.data_ptr<float>(), static_cast<std::size_t>(weight_ED.numel())}, -bound, bound);
      return weight_ED;
    });
  }

 private:
  UniformParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::RouterInit, symphony::Uniform, symphony::UniformParams, "uniform", /*revision=*/1,
                "uniform rows of half width scale/sqrt(D)", "He et al. 2015, Delving deep into rectifiers, arXiv 1502.01852");
