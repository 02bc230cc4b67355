// Streaming first and second moments, and cross-moments of two feature sets on the same tokens: activations are never held whole.
// Sums are float64 and centred on a pilot mean (the first chunk's), because raw sums cancel for low-variance units (methods-alignment 7.1).
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace symphony {

/// Finished moments of a pair of feature sets: A of the anchor with n features, B of the source with m.
struct PairMoments {
  std::int64_t count = 0;        ///< tokens
  torch::Tensor mean_a, mean_b;  ///< float64 [n], [m]
  torch::Tensor var_a, var_b;    ///< float64, population variance
  torch::Tensor covariance;      ///< float64 [n, m], population cross-covariance
};

class RunningPairMoments {
 public:
  /// `products`: the type to which centred values are rounded before they are multiplied, float32 or bfloat16; their products are summed in
  /// float32 either way. Rounding to bfloat16 changes a value by at most 2^-9 of it, a correlation by some 1e-5; means and variances keep
  /// float32 values. Throws NumericError for another type.
  explicit RunningPairMoments(torch::ScalarType products = torch::kFloat32);

  /// values_a [T, n], values_b [T, m]: the same T tokens. Throws NumericError on NaN or infinity.
  void add(const torch::Tensor& values_a, const torch::Tensor& values_b);
  PairMoments finish() const;

 private:
  /// One feature set: its pilot (float32), and the sums and sums of squares of what is left when it is subtracted (float64).
  struct Side {
    torch::Tensor pilot_F, sum_F, square_F;
    void start(const torch::Tensor& values_TF);
    /// values - pilot, rounded to `products`, in `buffer` where that is large enough; the sums that are added are of the unrounded.
    torch::Tensor add(const torch::Tensor& values_TF, torch::ScalarType products, torch::Tensor& buffer, const char* name);
  };

  torch::ScalarType products_;
  std::int64_t count_ = 0;
  Side a_, b_;
  torch::Tensor recent_;             ///< float32 [n, m]: products of the last recent_tokens_ tokens
  std::int64_t recent_tokens_ = 0;
  torch::Tensor cross_;              ///< float64 [n, m]: of all tokens before
};

/// Pearson correlation [n, m], float64; rows and columns of dead units (sigma below 1e-6 of the median) are 0.
torch::Tensor correlation(const PairMoments& moments);
/// Uncentred second moment E[a b^T] [n, m], float64.
torch::Tensor second_moment(const PairMoments& moments);
/// Which features are dead, bool [n] or [m].
torch::Tensor dead_units(const torch::Tensor& variance);

}  // namespace symphony
