// Spherical linear interpolation of whole tensors a, b at t in [0, 1]: [sin((1-t) w) a + sin(t w) b] / sin w, where w is their angle. Source:
// Shoemake 1985, "Animating rotation with quaternion curves", SIGGRAPH; on weights as in mergekit.
// More than two sources: a fold in configured order, source j joining at t_j = w_j / (w_1 + ... + w_j). The result depends on that order;
// fusion.karcher's does not. The whole fold happens on coefficients of the sources, with their Gram matrix in float64.
// Differs from the usual code in the angle, 2 atan2(|u - v|, |u + v|) instead of an arc cosine, which is inaccurate near 0 (Kahan 2006, "How
// futile are mindless assessments of roundoff", section 12); in going linear when one side is zero, where no angle exists; and in refusing
// opposite tensors, between which every direction is as short.
// N sources.
#include <algorithm>
#include <cmath>
#include <optional>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/fusion_arithmetic.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "fusion.slerp";
// A norm below this share of the other side's counts as zero.
constexpr double kZeroNorm = 1e-12;

struct SlerpParams {
  std::optional<double> t;
  std::vector<double> weights;
  double colinear_cos = 0.9995;
  static void describe(Schema& s) {
    s.field<&SlerpParams::t>("t", "position between source 0 (t=0) and source 1 (t=1), for two sources; null: from the weights").range(0, 1);
    s.field<&SlerpParams::weights>("weights", "one a source in configured order, for any number of sources; empty: equal").at_least(0);
    s.field<&SlerpParams::colinear_cos>("colinear_cos", "cosine above which interpolation is linear, and below whose negative it is refused")
        .range(0, 1);
  }
};

class Slerp final : public Fusion {
 public:
  explicit Slerp(const SlerpParams& params) : params_(params) {
    if (params_.t && !params_.weights.empty()) fail<ConfigError>(kWho, "both t and weights are given, expected one of them");
  }

  FusionNeeds needs() const override { return {.stored_types = true}; }

  void check(std::size_t num_sources, const std::vector<std::string>& source_names) const override {
    if (num_sources < 2) fail<ConfigError>(kWho, "there is {} source, expected at least 2", num_sources);
    if (params_.t && num_sources != 2)
      fail<ConfigError>(kWho, "t is given for {} sources ({}), expected 2; give weights instead", num_sources, join(source_names, ", "));
    check_weights(params_.weights, source_names, kWho);
    weights(num_sources);
  }

  torch::Tensor fuse(const FusionInput& input) const override {
    const std::vector<double> weight = weights(input.sources.size());
    check_sources(input, weight, kWho);
    return fuse_held_rows(input, weight, kWho, [&](const std::vector<TensorRows>& sources) {
      return fold(gram_matrix(sources, weight), weight, input);
    });
  }

 private:
  std::vector<double> weights(std::size_t num_sources) const {
    if (params_.t) return {1.0 - *params_.t, *params_.t};
    return normalised_weights(params_.weights, num_sources, kWho);
  }

  /// Coefficients of the sources in the result.
  std::vector<double> fold(const torch::Tensor& gram_NN, const std::vector<double>& weight, const FusionInput& input) const {
    torch::Tensor reached_N = torch::zeros_like(gram_NN[0]);
    double total = 0.0;
    for (std::size_t source_idx = 0; source_idx < weight.size(); ++source_idx) {
      if (weight[source_idx] == 0.0) continue;
      total += weight[source_idx];
      const auto [keep, take] = step(reached_N, gram_NN, source_idx, weight[source_idx] / total, input);
      reached_N = reached_N * keep;
      reached_N[static_cast<std::int64_t>(source_idx)] = take;
    }
    return {reached_N.data_ptr<double>(), reached_N.data_ptr<double>() + reached_N.numel()};
  }

  /// The factors of what was reached and of the source that joins at position t.
  std::pair<double, double> step(const torch::Tensor& reached_N, const torch::Tensor& gram_NN, std::size_t source_idx, double t,
                                 const FusionInput& input) const {
    const std::pair<double, double> linear{1.0 - t, t};
    if (t == 0.0 || t == 1.0) return linear;
    const auto row = static_cast<std::int64_t>(source_idx);
    const double norm_a = std::sqrt(std::max(0.0, reached_N.dot(gram_NN.mv(reached_N)).item<double>()));
    const double norm_b = std::sqrt(gram_NN[row][row].item<double>());
    if (norm_a <= kZeroNorm * norm_b || norm_b <= kZeroNorm * norm_a) return linear;
    const double cosine = gram_NN[row].dot(reached_N).item<double>() / (norm_a * norm_b);
    if (cosine > params_.colinear_cos) return linear;
    if (cosine < -params_.colinear_cos)
      fail<DataError>(kWho, "tensor {}: source {} is opposite to what comes before it (cosine {:.6f}), which no shortest path joins; "
                             "expected a cosine above {}",
                      quoted(input.tensor.name), quoted(input.source_names[source_idx]), cosine, -params_.colinear_cos);
    // For unit vectors |u - v|^2 = 2 - 2 cos and |u + v|^2 = 2 + 2 cos.
    const double angle = 2.0 * std::atan2(std::sqrt(std::max(0.0, 1.0 - cosine)), std::sqrt(std::max(0.0, 1.0 + cosine)));
    if (std::sin(angle) == 0.0) return linear;
    return {std::sin((1.0 - t) * angle) / std::sin(angle), std::sin(t * angle) / std::sin(angle)};
  }

  SlerpParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Fusion, symphony::Slerp, symphony::SlerpParams, "slerp", /*revision=*/1,
                "spherical interpolation of two sources; of more, one after the other", "Shoemake 1985, Animating rotation with quaternion curves");
