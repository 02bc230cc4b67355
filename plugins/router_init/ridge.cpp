// A training-free router: ridge regression from what the FFN reads to the domain of the text, W = s (X^T X + n lambda q I)^-1 X^T Y transposed, with
// X [n, D] the FFN inputs of the calibration tokens, Y their one-hot domain labels, a row for each expert's domain, and q the mean square of an
// entry of X. Rows are centred over the experts, to which softmax is blind. Source: ours (methods-moe A0); the closed form is Hoerl and Kennard
// 1970, "Ridge regression", Technometrics 12, equation 2.1.
// The scale s makes the mean entropy of the full softmax a given fraction of ln E. Only moments of the tokens are known, so that mean is taken
// over a model of them: tokens of domain m are Gaussian with the domain's mean and the covariance pooled within domains, hence logits too.
// Logits are drawn from that model by a stream of its own, and s is found by bisection: entropy falls as s grows.
// Experts of one domain get equal rows: top-k then takes the first of them until training tells them apart.
// D hidden, E experts, M domains, S draws.
#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/linear_router.hpp"
#include "core/tensor/linalg.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "router_init.ridge";
constexpr std::int64_t kNumDraws = 8192;  // the mean entropy is then known to better than 0.005 ln E
constexpr double kSmallestScale = 1e-6, kLargestScale = 1e6;  // relative to the logits' spread
constexpr double kRoundingVariance = 1e-12;                     // relative to the largest; below it a direction is a tie

struct RidgeParams {
  double lambda = 1e-3;
  double entropy = 0.6;
  static void describe(Schema& s) {
    s.field<&RidgeParams::lambda>("lambda", "ridge penalty relative to the mean square of an input entry").range(1e-9, 1e3);
    s.field<&RidgeParams::entropy>("entropy", "mean entropy of the gates on calibration tokens, as a fraction of ln E").range(0.01, 0.99);
  }
};

/// sum x x^T / n, domain means and domain shares, float64.
struct TokenModel {
  torch::Tensor second_moment_DD, means_MD, shares_M;
};

TokenModel token_model(const RouterInitProblem& problem, std::int64_t hidden) {
  const FfnInputMoments& moments = problem.moments;
  if (!moments.gram_DD.defined() || !moments.sums_MD.defined() || !moments.counts_M.defined())
    fail<DataError>(kWho, "layer {}: no statistics of the FFN input, expected them from calibration tokens", problem.layer);
  if (moments.gram_DD.size(0) != hidden)
    fail<DataError>(kWho, "layer {}: the statistics are of width {}, expected {}", problem.layer, moments.gram_DD.size(0), hidden);
  const double num_tokens = moments.counts_M.sum().item<double>();
  if (!(moments.counts_M.min().item<double>() >= 1.0))
    fail<DataError>(kWho, "layer {}: a calibration domain has no tokens, expected at least 1 of each", problem.layer);
  return {moments.gram_DD / num_tokens, moments.sums_MD / moments.counts_M.unsqueeze(1), moments.counts_M / num_tokens};
}

/// The centred regression rows, one an expert.
torch::Tensor regression_rows(const RouterInitProblem& problem, const TokenModel& tokens, double lambda) {
  const torch::Tensor targets_DM = (tokens.means_MD * tokens.shares_M.unsqueeze(1)).t();
  const torch::Tensor by_domain_MD = solve_ridge(tokens.second_moment_DD, targets_DM, lambda, kWho).t();
  std::vector<torch::Tensor> rows;
  for (const std::int64_t domain : problem.expert_domains)
    rows.push_back(domain < 0 ? torch::zeros_like(by_domain_MD[0]) : by_domain_MD[domain]);
  const torch::Tensor weight_ED = torch::stack(rows);
  return weight_ED - weight_ED.mean(0, true);
}

/// Logits of tokens drawn from the model, [S, E]: the domains in proportion to their share, each draw its mean plus correlated noise.
torch::Tensor draw_logits(const torch::Tensor& weight_ED, const TokenModel& tokens, Random random) {
  const torch::Tensor means_ME = tokens.means_MD.matmul(weight_ED.t());
  const torch::Tensor within_DD = tokens.second_moment_DD - (tokens.means_MD.t() * tokens.shares_M).matmul(tokens.means_MD);
  const torch::Tensor covariance_EE = weight_ED.matmul(within_DD).matmul(weight_ED.t());
  // The rows are centred, so the covariance is singular: its square root comes from the eigenvectors, without what is only rounding.
  const auto [variances_E, axes_EE] = at::linalg_eigh(covariance_EE);
  const torch::Tensor is_real_E = variances_E > kRoundingVariance * variances_E.max();
  const torch::Tensor root_EE = axes_EE * torch::where(is_real_E, variances_E, torch::zeros_like(variances_E)).sqrt();

  std::vector<double> normals(static_cast<std::size_t>(kNumDraws * weight_ED.size(0)));
  for (double& value : normals) value = random.normal();
  std::vector<std::int64_t> domains;
  const torch::Tensor edges_M = tokens.shares_M.cumsum(0);
  for (std::int64_t draw_idx = 0; draw_idx < kNumDraws; ++draw_idx) {
    const double position = (static_cast<double>(draw_idx) + 0.5) / static_cast<double>(kNumDraws);
    domains.push_back(std::min(edges_M.lt(position).sum().item<std::int64_t>(), edges_M.numel() - 1));
  }
  const torch::Tensor noise_SE = torch::tensor(normals, torch::kFloat64).view({kNumDraws, weight_ED.size(0)}).matmul(root_EE.t());
  return means_ME.index_select(0, torch::tensor(domains, torch::kInt64)) + noise_SE;
}

double mean_entropy(const torch::Tensor& logits_SE) {
  const torch::Tensor log_gates_SE = logits_SE.log_softmax(1);
  return -(log_gates_SE.exp() * log_gates_SE).sum(1).mean().item<double>();
}

class Ridge final : public RouterInit {
 public:
  explicit Ridge(const RidgeParams& params) : params_(params) {}

  bool needs_statistics() const override { return true; }

  TensorMap initialise(const RouterInitProblem& problem, const Context& context) const override {
    return initialise_linear_router(problem, kWho, [&](std::int64_t num_experts, std::int64_t hidden) {
      check_domains(problem, num_experts);
      const TokenModel tokens = token_model(problem, hidden);
      const torch::Tensor weight_ED = regression_rows(problem, tokens, params_.lambda);
      const torch::Tensor logits_SE = draw_logits(weight_ED, tokens, context.random(fmt::format("{}/layer.{}", kWho, problem.layer)));
      return (weight_ED * scale(logits_SE, problem.layer)).to(torch::kFloat32);
    });
  }

 private:
  static void check_domains(const RouterInitProblem& problem, std::int64_t num_experts) {
    if (static_cast<std::int64_t>(problem.expert_domains.size()) != num_experts)
      fail<DataError>(kWho, "layer {}: {} experts have a domain, the router has {} rows", problem.layer, problem.expert_domains.size(), num_experts);
    const std::int64_t num_domains = problem.moments.counts_M.defined() ? problem.moments.counts_M.numel() : 0;
    for (const std::int64_t domain : problem.expert_domains)
      if (problem.moments.counts_M.defined() && domain >= num_domains)
        fail<DataError>(kWho, "layer {}: an expert is of domain {}, there are {} calibration domains", problem.layer, domain, num_domains);
    if (std::set<std::int64_t>(problem.expert_domains.begin(), problem.expert_domains.end()).size() < 2)
      fail<DataError>(kWho, "layer {}: all {} experts are of the same domain, expected at least two that differ; use another router_init",
                      problem.layer, num_experts);
  }

  /// The s at which softmax(s z) has the mean entropy that was asked for.
  double scale(const torch::Tensor& logits_SE, std::int64_t layer) const {
    const double target = params_.entropy * std::log(static_cast<double>(logits_SE.size(1)));
    const double spread = logits_SE.std(false).item<double>();
    double low = std::log(kSmallestScale / spread), high = std::log(kLargestScale / spread);
    if (!(spread > 0.0) || mean_entropy(logits_SE * std::exp(high)) > target)
      fail<DataError>(kWho, "layer {}: no scale brings the mean entropy of the gates down to {:.2f} ln E, because experts of one domain tie; "
                            "expected a larger entropy or experts of more domains", layer, params_.entropy);
    for (int halving = 0; halving < 60; ++halving) {
      const double middle = 0.5 * (low + high);
      (mean_entropy(logits_SE * std::exp(middle)) > target ? low : high) = middle;
    }
    return std::exp(0.5 * (low + high));
  }

  RidgeParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::RouterInit, symphony::Ridge, symphony::RidgeParams, "ridge", /*revision=*/1,
                "rows by ridge regression on the domain of calibration text",
                "Symphony Lab; Hoerl and Kennard 1970, Ridge regression, Technometrics 12");
