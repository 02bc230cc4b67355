// What a pass in less than float32 still computes in float32, as transformers does: norms, softmax, routing and logits.
#pragma once

#include <torch/types.h>

namespace symphony {

inline torch::ScalarType at_least_float32(torch::ScalarType dtype) { return dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32; }

inline torch::Tensor widened(const torch::Tensor& tensor) { return tensor.to(at_least_float32(tensor.scalar_type())); }

}  // namespace symphony
