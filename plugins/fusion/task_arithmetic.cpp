// Task vectors added to the common ancestor: theta = theta_0 + lambda sum_i w_i (theta_i - theta_0). Source: Ilharco et al. 2022, "Editing models
// with task arithmetic", arXiv 2212.04089, section 2. Negative weights subtract a task.
// Rows that a source does not hold are taken as the base's: its task vector is zero there. Rows that the base does not hold, such as those of chat tokens that
// its fine-tunes added, have no ancestor to start from: they are the mean over the sources that hold them.
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
    if (!input.base || input.base->shape() != input.sources.front().shape())
      fail<DataError>(kWho, "tensor {}: the base {}, expected shape {}", quoted(input.tensor.name),
                      input.base ? "has shape " + shape_text(input.base->shape()) : "is missing", shape_text(input.sources.front().shape()));
    if (!all_finite(*input.base))
      fail<DataError>(kWho, "tensor {}: the base holds a NaN or an infinity, expected finite numbers", quoted(input.tensor.name));
    std::vector<TensorRows> terms{*input.base};
    std::vector<double> coefficients{1.0 - params_.lambda * std::accumulate(weight.begin(), weight.end(), 0.0)};
    for (std::size_t source_idx = 0; source_idx < weight.size(); ++source_idx) {
      const TensorRows& source = input.sources[source_idx];
      terms.push_back(input.row_masks.empty() ? source : held_or_base(source, input.row_masks[source_idx], *input.base));
      coefficients.push_back(params_.lambda * weight[source_idx]);
    }
    torch::Tensor result = combine(terms, coefficients);
    if (input.base_mask.defined()) {
      const torch::Tensor new_rows = input.base_mask.logical_not().nonzero().squeeze(1);
      std::vector<double> equal;
      for (const double of_source : weight) equal.push_back(of_source == 0.0 ? 0.0 : 1.0);
      if (new_rows.numel() > 0) put_mean_of_holders(input, equal, new_rows, kWho, result);
    }
    return result;
  }

 private:
  /// The rows that a source holds, and the base's where it holds none.
  static TensorRows held_or_base(const TensorRows& source, const torch::Tensor& held_V, const TensorRows& base) {
    return {source.shape(), torch::kFloat32, [=](const torch::Tensor& index) {
      return torch::where(held_V.index_select(0, index).unsqueeze(1), source.gather(index).to(torch::kFloat32), base.gather(index).to(torch::kFloat32));
    }};
  }

  std::vector<double> weights(std::size_t num_sources) const {
    if (params_.normalise) return normalised_weights(params_.weights, num_sources, kWho);
    return params_.weights.empty() ? std::vector<double>(num_sources, 1.0) : params_.weights;
  }

  TaskArithmeticParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Fusion, symphony::TaskArithmetic, symphony::TaskArithmeticParams, "task_arithmetic", /*revision=*/2,
                "weighted task vectors added to the common ancestor", "Ilharco et al. 2022, Editing models with task arithmetic, arXiv 2212.04089");
