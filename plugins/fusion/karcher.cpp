// The weighted Riemannian (Karcher) mean of the sources' directions on the sphere, times the weighted mean of their norms: what slerp means for
// more than two sources when the order must not matter. Minimises sum_i w_i angle(u, u_i)^2 by the fixed point
//   T = sum_i w_i (angle_i / sin angle_i) (u_i - cos(angle_i) u),   u <- cos|T| u + sin|T| T / |T|.
// Source: Karcher 1977, "Riemannian center of mass and mollifier smoothing", CPAM 30; the iteration as in Buss and Fillmore 2001, "Spherical
// averages and applications to spherical splines and interpolation", ACM TOG 20, algorithm A1.
// Every iterate lies in the span of the sources, so the iteration runs on N coefficients with the Gram matrix in float64: no tensor-sized
// work beside one Gram pass and one combination.
// N sources.
#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/fusion_arithmetic.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "fusion.karcher";
// A norm below this share of the largest counts as zero: such a source has no direction, and enters by its norm only.
constexpr double kZeroNorm = 1e-12;
// Directions whose mean is shorter than this cancel: there is no point from which to start that does not depend on the order.
constexpr double kCancelled = 1e-6;

struct KarcherParams {
  std::vector<double> weights;
  double tol = 1e-10;
  std::int64_t max_iter = 200;
  static void describe(Schema& s) {
    s.field<&KarcherParams::weights>("weights", "one a source in configured order, divided by their sum; empty: equal").at_least(0);
    s.field<&KarcherParams::tol>("tol", "length of the mean tangent vector at which the iteration stops").in("radians").range(1e-14, 0.1);
    s.field<&KarcherParams::max_iter>("max_iter", "iterations after which it is an error not to have stopped").at_least(1);
  }
};

class Karcher final : public Fusion {
 public:
  explicit Karcher(const KarcherParams& params) : params_(params) {}

  FusionNeeds needs() const override { return {.stored_types = true}; }

  void check(std::size_t num_sources, const std::vector<std::string>& source_names) const override {
    check_weights(params_.weights, source_names, kWho);
    normalised_weights(params_.weights, num_sources, kWho);
  }

  torch::Tensor fuse(const FusionInput& input) const override {
    const std::vector<double> weights = normalised_weights(params_.weights, input.sources.size(), kWho);
    check_sources(input, weights, kWho);
    return fuse_held_rows(input, weights, kWho, [&](const std::vector<TensorRows>& sources) {
      return coefficients(gram_matrix(sources, weights), torch::tensor(weights, torch::kFloat64), input.tensor.name);
    });
  }

 private:
  std::vector<double> coefficients(const torch::Tensor& gram_NN, const torch::Tensor& weights_N, const std::string& tensor) const {
    const torch::Tensor norms_N = gram_NN.diagonal().sqrt();
    const torch::Tensor has_direction_N = norms_N > kZeroNorm * norms_N.max();
    if (!has_direction_N.any().item<bool>()) return std::vector<double>(static_cast<std::size_t>(norms_N.numel()), 0.0);  // all zero
    const torch::Tensor inverse_norms_N = torch::where(has_direction_N, 1.0 / norms_N, torch::zeros_like(norms_N));
    const torch::Tensor share_N = weights_N * has_direction_N / (weights_N * has_direction_N).sum();
    const torch::Tensor cosines_NN = gram_NN * inverse_norms_N.unsqueeze(0) * inverse_norms_N.unsqueeze(1);
    const double mean_norm = weights_N.dot(norms_N).item<double>();
    const torch::Tensor result_N = direction(cosines_NN, share_N, tensor) * inverse_norms_N * mean_norm;
    return {result_N.data_ptr<double>(), result_N.data_ptr<double>() + result_N.numel()};
  }

  /// Coefficients of the mean direction in the unit vectors whose dot products are `cosines_NN`.
  torch::Tensor direction(const torch::Tensor& cosines_NN, const torch::Tensor& share_N, const std::string& tensor) const {
    const auto length = [&](const torch::Tensor& vector_N) {
      return std::sqrt(std::max(0.0, vector_N.dot(cosines_NN.mv(vector_N)).item<double>()));
    };
    const double spread = length(share_N);
    if (spread < kCancelled)
      fail<NumericError>(kWho, "tensor {}: the sources' directions cancel, their mean has length {:.3g}, expected at least {:.0e}",
                         quoted(tensor), spread, kCancelled);
    torch::Tensor mean_N = share_N / spread;
    double step = 0.0;
    for (std::int64_t iteration = 0; iteration < params_.max_iter; ++iteration) {
      const torch::Tensor cosine_N = cosines_NN.mv(mean_N).clamp(-1.0, 1.0);
      const torch::Tensor angle_N = 2.0 * torch::atan2((1.0 - cosine_N).sqrt(), (1.0 + cosine_N).sqrt());
      const torch::Tensor sine_N = angle_N.sin();
      const torch::Tensor factor_N = share_N * torch::where(sine_N > 1e-9, angle_N / sine_N, torch::ones_like(sine_N));
      const torch::Tensor tangent_N = factor_N - factor_N.dot(cosine_N) * mean_N;
      step = length(tangent_N);
      if (step < params_.tol) return mean_N;
      mean_N = std::cos(step) * mean_N + std::sin(step) / step * tangent_N;
      mean_N = mean_N / length(mean_N);
    }
    fail<NumericError>(kWho, "tensor {}: no convergence after {} iterations, last step {:.3g}, expected below {:.3g}", quoted(tensor),
                       params_.max_iter, step, params_.tol);
  }

  KarcherParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Fusion, symphony::Karcher, symphony::KarcherParams, "karcher", /*revision=*/1,
                "spherical mean of any number of sources, whatever their order", "Karcher 1977, Riemannian center of mass; Buss and Fillmore 2001");
