// RMSNorm (Zhang and Sennrich 2019, "Root mean square layer normalization"): y = gain * x / sqrt(mean(x^2) + eps), over the last axis.
#pragma once

#include <torch/types.h>

namespace symphony {

/// hidden_ND [N, D], gain_D [D] -> [N, D]. Differentiable in both.
torch::Tensor rms_norm(const torch::Tensor& hidden_ND, const torch::Tensor& gain_D, double eps);

/// The same as a composition of tensor operations, for any device and dtype.
torch::Tensor rms_norm_plain(const torch::Tensor& hidden_ND, const torch::Tensor& gain_D, double eps);

}  // namespace symphony
