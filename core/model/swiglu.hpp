// The gated activation of SwiGLU (Shazeer 2020, arXiv 2002.05202): h = silu(gate) * up, silu(x) = x / (1 + exp(-x)).
#pragma once

#include <torch/types.h>

namespace symphony {

/// gate_up_NF2 [N, 2F], the gates and then the ups of each row -> [N, F]. Differentiable.
torch::Tensor swiglu(const torch::Tensor& gate_up_NF2);

/// The same as a composition of tensor operations, for any device and dtype.
torch::Tensor swiglu_plain(const torch::Tensor& gate_up_NF2);

}  // namespace symphony
