// How alike two sets of features are on the same tokens. Every figure comes with n (tokens) and d (features), without which a CKA cannot be
// read: its biased estimator rises towards 1 as d / n grows (methods-moe D4, F3).
//
// Linear CKA (Kornblith et al. 2019, arXiv 1905.00414) sees no permutation, rotation or isotropic scale of either side, so no alignment can
// change it; matched correlation and cosine do see the basis.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace symphony {

struct Similarity {
  double value = 0;
  std::int64_t tokens = 0, features_a = 0, features_b = 0;
};

/// ||Y^T X||_F^2 / (||X^T X||_F ||Y^T Y||_F) with centred columns, in [0, 1]. x_TA, y_TB: the same T >= 2 tokens. NaN for constant features.
/// Where there are fewer tokens than features on either side, by ||Y^T X||_F^2 = <X X^T, Y Y^T>: memory and time grow with the smaller of T^2 and D^2.
Similarity linear_cka(const torch::Tensor& x_TA, const torch::Tensor& y_TB);

/// The unbiased minibatch estimator: HSIC_1 (Song et al. 2012, JMLR 13, equation 5) of (X, Y), (X, X) and (Y, Y), each averaged over batches,
/// then the ratio (Nguyen et al. 2021, arXiv 2010.15327). May be negative; about 0 for independent features whatever d / n.
class MinibatchCka {
 public:
  /// One batch of n >= 4 tokens; memory and time grow with n^2, so batches of 256 to 1024. Batches weigh by their tokens.
  void add(const torch::Tensor& x_NA, const torch::Tensor& y_NB);
  /// Throws NumericError when no batch was added.
  Similarity finish() const;

 private:
  double cross_ = 0, own_x_ = 0, own_y_ = 0;
  Similarity so_far_;
};

/// Mean over features of the correlation of feature j of x with feature j of y: after an alignment, the matched correlation. Dead features
/// count 0.
Similarity matched_correlation(const torch::Tensor& x_TD, const torch::Tensor& y_TD);

/// Mean over tokens of the cosine between the rows of x and y; a zero row counts 0.
Similarity mean_cosine(const torch::Tensor& x_TD, const torch::Tensor& y_TD);

}  // namespace symphony
