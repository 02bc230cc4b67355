// The gated activation of SwiGLU (Shazeer 2020, arXiv 2002.05202): h = silu(gate) * up, silu(x) = x / (1 + exp(-x)).
#pragma once

#include <torch/types.h>

namespace symphony {

/// gate_NF and up_NF [N, F] -> [N, F]. Differentiable in both.
torch::Tensor swiglu(const torch::Tensor& gate_NF, const torch::Tensor& up_NF);

/// The same as a composition of tensor operations, for any device and dtype.
torch::Tensor swiglu_plain(const torch::Tensor& gate_NF, const torch::Tensor& up_NF);

}  // namespace symphony
