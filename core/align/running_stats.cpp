// Streaming moments of two feature sets. With d = x - pilot, summed over n tokens,
//   mean = pilot + sum(d) / n,   var = sum(d^2) / n - (sum(d) / n)^2,   cov = sum(d_a d_b^T) / n - (sum(d_a) / n)(sum(d_b) / n)^T.
// Any constant pilot gives the same moments; the first chunk's mean keeps d small. It is rounded to float32, so that subtracting it from
// float32 values in float32 is the same subtraction in every chunk. The cross term is a float32 GEMM over at most 4096 tokens, whose rounding
// (relative 6e-8 sqrt(4096)) stays below the standard error 1 / sqrt(n) of any correlation; the chunks are summed in float64.
#include "core/align/running_stats.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kChunkTokens = 4096;
constexpr double kDeadSigma = 1e-6;  // of the median, methods-alignment 7.1

void check_values(const torch::Tensor& values, const char* name) {
  if (values.dim() != 2) fail<NumericError>("running moments", "{} has shape {}, expected [tokens, features]", name, shape_text(values.sizes().vec()));
  if (!values.isfinite().all().item<bool>()) fail<NumericError>("running moments", "{} holds a NaN or an infinity", name);
}

torch::Tensor pilot_mean(const torch::Tensor& values) { return values.to(torch::kFloat64).mean(0).to(torch::kFloat32); }

}  // namespace

void RunningPairMoments::add(const torch::Tensor& values_a, const torch::Tensor& values_b) {
  check_values(values_a, "A");
  check_values(values_b, "B");
  if (values_a.size(0) != values_b.size(0))
    fail<NumericError>("running moments", "A has {} tokens, B has {}; they must be the same tokens", values_a.size(0), values_b.size(0));
  if (values_a.size(0) == 0) return;
  if (count_ == 0) {
    const auto options = torch::dtype(torch::kFloat64).device(values_a.device());
    pilot_a_ = pilot_mean(values_a);
    pilot_b_ = pilot_mean(values_b);
    sum_a_ = torch::zeros({values_a.size(1)}, options);
    sum_b_ = torch::zeros({values_b.size(1)}, options);
    square_a_ = torch::zeros_like(sum_a_);
    square_b_ = torch::zeros_like(sum_b_);
    cross_ = torch::zeros({values_a.size(1), values_b.size(1)}, options);
  } else if (values_a.size(1) != pilot_a_.size(0) || values_b.size(1) != pilot_b_.size(0)) {
    fail<NumericError>("running moments", "got {} and {} features, the chunks before had {} and {}", values_a.size(1), values_b.size(1),
                       pilot_a_.size(0), pilot_b_.size(0));
  }
  for (std::int64_t first = 0; first < values_a.size(0); first += kChunkTokens) {
    const std::int64_t size = std::min(kChunkTokens, values_a.size(0) - first);
    const torch::Tensor a = values_a.narrow(0, first, size).to(torch::kFloat32) - pilot_a_;
    const torch::Tensor b = values_b.narrow(0, first, size).to(torch::kFloat32) - pilot_b_;
    sum_a_ += a.sum(0, false, torch::kFloat64);
    sum_b_ += b.sum(0, false, torch::kFloat64);
    square_a_ += a.to(torch::kFloat64).square().sum(0);
    square_b_ += b.to(torch::kFloat64).square().sum(0);
    cross_ += a.t().mm(b);
    count_ += size;
  }
}

PairMoments RunningPairMoments::finish() const {
  if (count_ == 0) fail<NumericError>("running moments", "no token was added");
  const double scale = 1.0 / static_cast<double>(count_);
  const torch::Tensor shift_a = sum_a_ * scale, shift_b = sum_b_ * scale;
  PairMoments moments;
  moments.count = count_;
  moments.mean_a = pilot_a_.to(torch::kFloat64) + shift_a;
  moments.mean_b = pilot_b_.to(torch::kFloat64) + shift_b;
  moments.var_a = (square_a_ * scale - shift_a.square()).clamp_min(0);
  moments.var_b = (square_b_ * scale - shift_b.square()).clamp_min(0);
  moments.covariance = (cross_ * scale).addr_(shift_a, shift_b, 1, -1);
  return moments;
}

torch::Tensor dead_units(const torch::Tensor& variance) {
  const torch::Tensor sigma = variance.sqrt();
  return sigma <= kDeadSigma * sigma.median();
}

torch::Tensor second_moment(const PairMoments& moments) { return moments.covariance + moments.mean_a.outer(moments.mean_b); }

torch::Tensor correlation(const PairMoments& moments) {
  const torch::Tensor inverse_a = moments.var_a.rsqrt().masked_fill(dead_units(moments.var_a), 0);
  const torch::Tensor inverse_b = moments.var_b.rsqrt().masked_fill(dead_units(moments.var_b), 0);
  return moments.covariance * inverse_a.unsqueeze(1) * inverse_b.unsqueeze(0);
}

}  // namespace symphony
