// The weighted mean: theta = sum_i w_i theta_i / sum_i w_i. Source: Wortsman et al. 2022, "Model soups", arXiv 2203.05482. Embedding and head rows
// that only some sources hold are the mean over those, as in Symphony-MoE, arXiv 2509.18542.
// With `restore_norm` the mean is scaled to the weighted mean of the sources' norms: the mean of N tensors of equal norm and mean cosine c has
// sqrt((1 + (N - 1) c) / N) of it, and for two such tensors spherical interpolation is exactly this rescaling. The control of slerp and karcher.
#include <algorithm>
#include <cmath>

#include "core/plugin/declare.hpp"
#include "core/plugin/fusion_arithmetic.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "fusion.average";
// A mean whose norm is below this share of the sources' has no direction to rescale.
constexpr double kVanishing = 1e-12;

struct AverageParams {
  std::vector<double> weights;
  bool restore_norm = false;
  static void describe(Schema& s) {
    s.field<&AverageParams::weights>("weights", "one a source in configured order, divided by their sum; empty: equal").at_least(0);
    s.field<&AverageParams::restore_norm>("restore_norm", "scale each mean to the weighted mean norm of the tensors that went into it");
  }
};

/// The coefficients scaled so that the combination's norm is the weighted mean of the norms.
std::vector<double> with_mean_norm(std::vector<double> weights, const torch::Tensor& gram_NN) {
  const torch::Tensor weights_N = torch::tensor(weights, torch::kFloat64);
  const double mean_norm = weights_N.dot(gram_NN.diagonal().sqrt()).item<double>();
  const double norm_of_mean = std::sqrt(std::max(0.0, weights_N.dot(gram_NN.mv(weights_N)).item<double>()));
  if (norm_of_mean <= kVanishing * mean_norm) return weights;
  for (double& weight : weights) weight *= mean_norm / norm_of_mean;
  return weights;
}

class Average final : public Fusion {
 public:
  explicit Average(const AverageParams& params) : params_(params) {}

  FusionNeeds needs() const override { return {.stored_types = true}; }

  void check(std::size_t num_sources, const std::vector<std::string>& source_names) const override {
    check_weights(params_.weights, source_names, kWho);
    normalised_weights(params_.weights, num_sources, kWho);
  }

  torch::Tensor fuse(const FusionInput& input) const override {
    const std::vector<double> weights = normalised_weights(params_.weights, input.sources.size(), kWho);
    check_sources(input, weights, kWho);
    return fuse_held_rows(input, weights, kWho, [&](const std::vector<TensorRows>& sources) {
      return params_.restore_norm ? with_mean_norm(weights, gram_matrix(sources, weights)) : weights;
    });
  }

 private:
  AverageParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Fusion, symphony::Average, symphony::AverageParams, "average", /*revision=*/1,
                "weighted mean, optionally with its norm restored", "Wortsman et al. 2022, Model soups, arXiv 2203.05482");
