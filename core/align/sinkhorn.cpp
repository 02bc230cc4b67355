// The iteration ends with an update of the rows, so that these are exact and the columns show how far it has come.
#include "core/align/sinkhorn.hpp"

#include <algorithm>

#include "core/base/error.hpp"

namespace symphony {

namespace {

constexpr const char* kWhere = "optimal transport";
constexpr std::int64_t kBlock = 256;      // rows or columns whose exponentials are held at a time
constexpr double kStep = 4;               // by which eps comes down
constexpr double kStepTolerance = 0.1;    // on the marginals before the last step

/// Costs in units of what eps is measured in.
torch::Tensor scaled_costs(const torch::Tensor& costs_nn) {
  if (costs_nn.dim() != 2 || costs_nn.size(0) != costs_nn.size(1))
    fail<NumericError>(kWhere, "costs have {} dimensions and {} entries, expected a square matrix", costs_nn.dim(), costs_nn.numel());
  const torch::Tensor costs = costs_nn.to(torch::kCPU, torch::kFloat64).contiguous();
  if (costs.numel() == 0) return costs;
  const double smallest = costs.min().item<double>(), largest = costs.max().item<double>(), median = costs.median().item<double>();
  if (!(smallest >= 0) || !std::isfinite(largest))
    fail<NumericError>(kWhere, "costs lie between {} and {}, expected finite numbers of at least 0", smallest, largest);
  if (largest == 0) return costs;
  const double unit = median > 0 ? median : largest;
  const torch::Tensor scaled = costs / unit;
  if (!std::isfinite(largest / unit)) fail<NumericError>(kWhere, "the largest cost {} is too far above the median {} for float64", largest, unit);
  return scaled;
}

class Sinkhorn {
 public:
  Sinkhorn(torch::Tensor costs_nn, const TransportOptions& options)
      : costs_nn_(std::move(costs_nn)), options_(options), size_(costs_nn_.size(0)), rows_n_(torch::zeros({size_}, torch::kFloat64)),
        columns_n_(torch::zeros_like(rows_n_)) {}

  void run() {
    for (double eps = std::max(options_.regularisation, costs_nn_.max().item<double>());; eps /= kStep) {
      const bool last = eps <= options_.regularisation;
      balance(last ? options_.regularisation : eps, last ? options_.tolerance : kStepTolerance);
      if (last) return;
    }
  }

  TransportPlan plan() const {
    TransportPlan plan;
    plan.shares_nn = torch::empty_like(costs_nn_);
    plan.violation = violation_;
    plan.iterations = iterations_;
    for (std::int64_t first = 0; first < size_; first += kBlock) {
      const std::int64_t count = std::min(kBlock, size_ - first);
      const torch::Tensor rows = rows_n_.narrow(0, first, count).unsqueeze(1) / options_.regularisation;
      const torch::Tensor log_shares = exponents(0, first, count, columns_n_, options_.regularisation) + rows;
      const torch::Tensor shares = log_shares.exp();
      plan.shares_nn.narrow(0, first, count).copy_(shares);
      // Where a share has become 0 its term is 0, however long its logarithm.
      plan.units_per_slot += (-(shares * log_shares.clamp_min(-1e4)).sum(1)).exp().sum().item<double>() / static_cast<double>(size_);
    }
    return plan;
  }

 private:
  /// (potential - C) / eps of `count` rows (axis 0, potential of the columns) or columns (axis 1, potential of the rows).
  torch::Tensor exponents(std::int64_t axis, std::int64_t first, std::int64_t count, const torch::Tensor& potential_n, double eps) const {
    return (potential_n.unsqueeze(axis) - costs_nn_.narrow(axis, first, count)) / eps;
  }

  /// eps log sum exp((potential - C) / eps) of every row (axis 0) or column (axis 1).
  torch::Tensor soft_maximum(std::int64_t axis, const torch::Tensor& potential_n, double eps) const {
    torch::Tensor result = torch::empty_like(potential_n);
    for (std::int64_t first = 0; first < size_; first += kBlock) {
      const std::int64_t count = std::min(kBlock, size_ - first);
      result.narrow(0, first, count).copy_(exponents(axis, first, count, potential_n, eps).logsumexp(1 - axis));
    }
    return result * eps;
  }

  void balance(double eps, double tolerance) {
    while (true) {
      rows_n_ = -soft_maximum(0, columns_n_, eps);
      const torch::Tensor columns = soft_maximum(1, rows_n_, eps);
      violation_ = ((columns_n_ + columns) / eps).expm1().abs().max().item<double>();
      if (violation_ <= tolerance) return;
      if (++iterations_ > options_.max_iterations)
        fail<NumericError>(kWhere, "after {} iterations of {} slots with a regularisation of {} a column of the plan sums to 1 only within {:.3g}, expected {:.3g}; "
                                   "allow more iterations or a larger regularisation", options_.max_iterations, size_, eps, violation_, tolerance);
      columns_n_ = -columns;
    }
  }

  torch::Tensor costs_nn_;
  TransportOptions options_;
  std::int64_t size_;
  torch::Tensor rows_n_, columns_n_;  ///< f and g
  double violation_ = 0;
  std::int64_t iterations_ = 0;
};

}  // namespace

TransportPlan solve_transport(const torch::Tensor& costs_nn, const TransportOptions& options) {
  if (!(options.regularisation > 0) || !(options.tolerance > 0) || options.max_iterations < 1)
    fail<NumericError>(kWhere, "regularisation {}, tolerance {} and {} iterations, expected more than 0 of each", options.regularisation, options.tolerance,
                       options.max_iterations);
  const torch::Tensor scaled = scaled_costs(costs_nn);
  if (scaled.numel() == 0) return {scaled};
  Sinkhorn sinkhorn(scaled, options);
  sinkhorn.run();
  TransportPlan plan = sinkhorn.plan();
  plan.mean_cost = (plan.shares_nn * costs_nn.to(torch::kCPU, torch::kFloat64)).sum().item<double>() / static_cast<double>(scaled.size(0));
  return plan;
}

}  // namespace symphony
