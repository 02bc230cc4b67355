// Similarities in float64.
#include "core/align/similarity.hpp"

#include <algorithm>
#include <cmath>

#include "core/align/running_stats.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

void check_same_tokens(const torch::Tensor& x, const torch::Tensor& y, std::int64_t least, const char* where) {
  if (x.dim() != 2 || y.dim() != 2 || x.size(0) != y.size(0) || x.size(0) < least)
    fail<NumericError>(where, "features have shapes {} and {}, expected the same {} or more tokens in rows", shape_text(x.sizes().vec()),
                       shape_text(y.sizes().vec()), least);
}

void check_same_width(const torch::Tensor& x, const torch::Tensor& y, const char* where) {
  check_same_tokens(x, y, 1, where);
  if (x.size(1) != y.size(1)) fail<NumericError>(where, "got {} and {} features, expected equally many", x.size(1), y.size(1));
}

torch::Tensor centred(const torch::Tensor& x) {
  const torch::Tensor wide = x.to(torch::kFloat64);
  return wide - wide.mean(0);
}

double squared(const torch::Tensor& x) { return x.square().sum().item<double>(); }

Similarity sized(double value, const torch::Tensor& x, const torch::Tensor& y) { return {value, x.size(0), x.size(1), y.size(1)}; }

/// Tokens against tokens, diagonal zeroed.
torch::Tensor hollow_gram(const torch::Tensor& x) {
  const torch::Tensor wide = x.to(torch::kFloat64);
  return wide.mm(wide.t()).fill_diagonal_(0);
}

double hsic_unbiased(const torch::Tensor& k, const torch::Tensor& l) {
  const auto n = static_cast<double>(k.size(0));
  const torch::Tensor rows_k = k.sum(0), rows_l = l.sum(0);
  const double trace = (k * l).sum().item<double>(), total = rows_k.sum().item<double>() * rows_l.sum().item<double>();
  return (trace + total / ((n - 1) * (n - 2)) - 2 / (n - 2) * rows_k.dot(rows_l).item<double>()) / (n * (n - 3));
}

}  // namespace

Similarity linear_cka(const torch::Tensor& x_TA, const torch::Tensor& y_TB) {
  check_same_tokens(x_TA, y_TB, 2, "linear CKA");
  const torch::Tensor x = centred(x_TA), y = centred(y_TB);
  const auto ratio = [&](double cross, double own_x, double own_y) { return sized(cross / std::sqrt(own_x * own_y), x, y); };
  if (x.size(0) >= std::min(x.size(1), y.size(1))) return ratio(squared(y.t().mm(x)), squared(x.t().mm(x)), squared(y.t().mm(y)));
  // At the width of a real FFN matrices of features by features would take most of the time of a merge.
  const torch::Tensor x_TT = x.mm(x.t()), y_TT = y.mm(y.t());
  return ratio((x_TT * y_TT).sum().item<double>(), squared(x_TT), squared(y_TT));
}

void MinibatchCka::add(const torch::Tensor& x_NA, const torch::Tensor& y_NB) {
  check_same_tokens(x_NA, y_NB, 4, "minibatch CKA");
  const torch::Tensor k = hollow_gram(x_NA), l = hollow_gram(y_NB);
  const auto weight = static_cast<double>(x_NA.size(0));
  cross_ += weight * hsic_unbiased(k, l);
  own_x_ += weight * hsic_unbiased(k, k);
  own_y_ += weight * hsic_unbiased(l, l);
  so_far_ = {0, so_far_.tokens + x_NA.size(0), x_NA.size(1), y_NB.size(1)};
}

Similarity MinibatchCka::finish() const {
  if (so_far_.tokens == 0) fail<NumericError>("minibatch CKA", "no batch was added");
  Similarity result = so_far_;
  result.value = cross_ / std::sqrt(own_x_ * own_y_);
  return result;
}

Similarity matched_correlation(const torch::Tensor& x_TD, const torch::Tensor& y_TD) {
  check_same_width(x_TD, y_TD, "matched correlation");
  const torch::Tensor x = centred(x_TD), y = centred(y_TD);
  const torch::Tensor var_x = x.square().mean(0), var_y = y.square().mean(0);
  const torch::Tensor dead = dead_units(var_x).logical_or(dead_units(var_y));
  const torch::Tensor correlations = ((x * y).mean(0) / (var_x * var_y).sqrt()).masked_fill(dead, 0);
  return sized(correlations.mean().item<double>(), x, y);
}

Similarity mean_cosine(const torch::Tensor& x_TD, const torch::Tensor& y_TD) {
  check_same_width(x_TD, y_TD, "mean cosine");
  const torch::Tensor x = x_TD.to(torch::kFloat64), y = y_TD.to(torch::kFloat64);
  const torch::Tensor lengths = x.norm(2, 1) * y.norm(2, 1);
  const torch::Tensor cosines = ((x * y).sum(1) / lengths).masked_fill(lengths == 0, 0);
  return sized(cosines.mean().item<double>(), x, y);
}

}  // namespace symphony
