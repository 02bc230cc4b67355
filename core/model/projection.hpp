// Several linear maps of one input, side by side: [x W_0^T + b_0 | x W_1^T + b_1 | ...]. One output buffer serves all of them, and their input
// gradient is summed by the matrix products themselves.
#pragma once

#include <vector>

#include <torch/types.h>

namespace symphony {

/// input_NI [N, I]; weights [O_j, I]; biases empty, or [O_j] each, or undefined. -> [N, sum of O_j]. Differentiable in everything;
/// only the gradients that are asked for are computed.
torch::Tensor project(const torch::Tensor& input_NI, const std::vector<torch::Tensor>& weights_OI, const std::vector<torch::Tensor>& biases_O = {});

/// The same as a composition of tensor operations, for any device and dtype.
torch::Tensor project_plain(const torch::Tensor& input_NI, const std::vector<torch::Tensor>& weights_OI, const std::vector<torch::Tensor>& biases_O = {});

}  // namespace symphony
