// Task vectors added to the common ancestor: theta = theta_0 + lambda sum_i w_i (theta_i - theta_0). Source: Ilharco et al. 2022, "Editing models
// with task arithmetic", arXiv 2212.04089, section 2. Negative weights subtract a task.
// Rows that a source does not hold are taken as the base's: its task vector is zero there.
#include <cmath>
#include <numeric>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/fusion_arithmetic.hpp"
#include "core/tensor/pieces.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "fusion.task_arithmetic";

struct TaskArithmeticParams {
  double lambda = 0.4;
  std::vector<double> weights;
  bool normalise = false;
  static void describe(Schema& s) {
    s.field<&TaskArithmeticParams::lambda>("lambda", "scale of the summed task vectors; values around 0.3 to 0.5 are usual").range(-10, 10);
    s.field<&TaskArithmeticParams::weights>("weights", "one a source in configured order, may be negative; empty: 1 each");
    s.field<&TaskArithmeticParams::normalise>("normalise", "divide the weights by their sum");
  }
};

class TaskArithmetic final : public Fusion {
 public:
  explicit TaskArithmetic(const TaskArithmeticParams& params) : params_(params) {}

  FusionNeeds needs() const override { return {.base = true, .stored_types = true}; }

  void check(std::size_t num_sources, const std::vector<std::string>& source_names) const override {
    check_weights(params_.weights, source_names, kWho);
    weights(num_sources);
  }

  torch::Tensor fuse(const FusionInput& input) const override {
    const std::vector<double> weight = weights(input.sources.size());
    check_sources(input, weight, kWho);
    if (!input.base.defined() || input.base.sizes() != input.sources.front().sizes())
      fail<DataError>(kWho, "tensor {}: the base {}, expected shape {}", quoted(input.tensor.name),
                      input.base.defined() ? "has shape " + shape_text(input.base.sizes()) : "is missing", shape_text(input.sources.front().sizes()));
    if (!all_finite(input.base))
      fail<DataError>(kWho, "tensor {}: the base holds a NaN or an infinity, expected finite numbers", quoted(input.tensor.name));
    std::vector<torch::Tensor> terms{input.base};
    std::vector<double> coefficients{1.0 - params_.lambda * std::accumulate(weight.begin(), weight.end(), 0.0)};
    for (std::size_t source_idx = 0; source_idx < weight.size(); ++source_idx) {
      const torch::Tensor& source = input.sources[source_idx];
      terms.push_back(input.row_masks.empty() ? source : torch::where(input.row_masks[source_idx].unsqueeze(1), source.to(torch::kFloat32), input.base.to(torch::kFloat32)));
      coefficients.push_back(params_.lambda * weight[source_idx]);
    }
    return combine(terms, coefficients);
  }

 private:
  std::vector<double> weights(std::size_t num_sources) const {
    if (params_.normalise) return normalised_weights(params_.weights, num_sources, kWho);
    return params_.weights.empty() ? std::vector<double>(num_sources, 1.0) : params_.weights;
  }

  TaskArithmeticParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Fusion, symphony::TaskArithmetic, symphony::TaskArithmeticParams, "task_arithmetic", /*revision=*/1,
                "weighted task vectors added to the common ancestor", "Ilharco et al. 2022, Editing models with task arithmetic, arXiv 2212.04089");
