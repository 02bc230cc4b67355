// Mean cross-entropy of class indices given logits, in nats: mean_n (logsumexp_v z_nv - z_n,target(n)).
#pragma once

#include <torch/types.h>

namespace symphony {

/// logits_NV [N, V], targets_N int64 in [0, V) -> scalar. Differentiable in the logits.
torch::Tensor cross_entropy(const torch::Tensor& logits_NV, const torch::Tensor& targets_N);

/// The same as a composition of tensor operations, for any device and dtype.
torch::Tensor cross_entropy_plain(const torch::Tensor& logits_NV, const torch::Tensor& targets_N);

}  // namespace symphony
