// RMSNorm, y = gain * x / sqrt(mean(x^2) + eps).
#include "core/model/rms_norm.hpp"

namespace symphony {

torch::Tensor rms_norm_plain(const torch::Tensor& hidden_ND, const torch::Tensor& gain_D, double eps) {
  const auto inverse_rms_N1 = hidden_ND.square().mean(-1, true).add(eps).rsqrt();
  return hidden_ND * inverse_rms_N1 * gain_D;
}

torch::Tensor rms_norm(const torch::Tensor& hidden_ND, const torch::Tensor& gain_D, double eps) {
  return rms_norm_plain(hidden_ND, gain_D, eps);
}

}  // namespace symphony
